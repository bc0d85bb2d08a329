#include "cli/bar.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void draw(const cli_bar_t *bar, const char *text)
{
    enum { WIDE = 24 };
    static const char k_full[] = "########################";
    static const char k_empty[] = "........................";
    size_t full = bar->total > 0 ? bar->done * WIDE / bar->total : WIDE;
    cli_buf_t shown = {0};

    cli_buf_shown(&shown, text, strlen(text));
    fprintf(stderr, "\r[%.*s%.*s] %zu/%zu %.40s\033[K", (int)full, k_full, (int)(WIDE - full),
            k_empty, bar->done, bar->total, shown.data);
}

void cli_bar_start(cli_bar_t *bar, size_t total)
{
    const char *term = getenv("TERM");

    *bar = (cli_bar_t){PTHREAD_MUTEX_INITIALIZER, false, 0, total};
    bar->on = isatty(STDERR_FILENO) && term != NULL && strcmp(term, "dumb") != 0;
    if (bar->on)
        draw(bar, "");
}

void cli_bar_step(cli_bar_t *bar, size_t steps, const char *text)
{
    pthread_mutex_lock(&bar->lock);
    bar->done = bar->done + steps < bar->total ? bar->done + steps : bar->total;
    if (bar->on)
        draw(bar, text);
    pthread_mutex_unlock(&bar->lock);
}

void cli_bar_end(cli_bar_t *bar)
{
    if (bar->on)
        fputs("\r\033[K", stderr);
    pthread_mutex_destroy(&bar->lock);
}
