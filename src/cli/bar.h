/* A progress bar on standard error, on a terminal only. */
#ifndef AGDB_CLI_BAR_H
#define AGDB_CLI_BAR_H

#include "cli/text.h"

#include <pthread.h>

typedef struct cli_bar {
    pthread_mutex_t lock;
    bool on;
    size_t done;
    size_t total;
} cli_bar_t;

void cli_bar_start(cli_bar_t *bar, size_t total);
/* That many steps more are done, and `text` is what happens now. Any thread may say so. */
void cli_bar_step(cli_bar_t *bar, size_t steps, const char *text);
/* Takes it from the screen. */
void cli_bar_end(cli_bar_t *bar);

#endif
