/* A network of its own, which this process reaches over one link only: a pair of TUN devices with a
 * copying thread between them. Cut, packets vanish in both directions, and nobody is told. Needs
 * the right to make networks, and /dev/net/tun; all of it goes with the process. */
#ifndef AGDB_TESTS_CABLE_H
#define AGDB_TESTS_CABLE_H

#include <stdbool.h>

typedef struct cable cable_t;

/* NULL: this machine does not let us, and prints why. */
cable_t *cable_open(void);
void cable_close(cable_t *cable);
/* The address of the far end. */
const char *cable_host(const cable_t *cable);
/* A socket that listens there, at some port; the caller's. */
int cable_take_listener(cable_t *cable);
void cable_cut(cable_t *cable, bool cut);

#endif
