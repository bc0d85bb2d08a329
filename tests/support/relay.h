/* Stands between a connection and its server, byte for byte, and cuts where it is told to: for
 * tests of what is known after a loss. One connection at a time; a thread of its own. */
#ifndef AGDB_TESTS_RELAY_H
#define AGDB_TESTS_RELAY_H

#include <stdbool.h>
#include <stdint.h>

typedef struct relay relay_t;

/* Listens on 127.0.0.1 and relays to that server. */
relay_t *relay_start(const char *host, uint16_t port);
void relay_stop(relay_t *relay);
uint16_t relay_port(const relay_t *relay);

/* From now on: so many bytes pass in each direction, then the connection is cut; negative: no end.
 * Counts anew what passes. */
void relay_cut_after(relay_t *relay, long to_server, long to_client);
long relay_passed_to_server(const relay_t *relay);
long relay_passed_to_client(const relay_t *relay);
/* The next COMMIT of the server but `skip` others reaches the client as a ROLLBACK. */
void relay_turn_commit(relay_t *relay, int skip);

#endif
