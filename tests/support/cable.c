#include "cable.h"

#include "base/sync.h"
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PACKET_MAX = 65536, LOOK_MS = 50 };

typedef struct address {
    char text[INET_ADDRSTRLEN];
    struct in_addr in;
} address_t;

struct cable {
    address_t near;
    address_t far;
    int near_fd;
    int far_fd;
    int listener;        /* in the far network */
    const char *trouble; /* what could not be done */
    int error;
    pthread_t thread;
    sem_t begun;
    atomic_bool cut;
    atomic_bool stopping;
};

/* --- devices -----------------------------------------------------------------------------------
 */

static bool set_address(int control, unsigned long what, struct ifreq *device, const address_t *to)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = to->in};

    memcpy(&device->ifr_addr, &at, sizeof at);
    return ioctl(control, what, device) == 0;
}

/* A device of the calling thread's network; -1 and errno. */
static int open_device(const address_t *own, const address_t *peer)
{
    struct ifreq device = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    bool ok = fd >= 0 && control >= 0 && ioctl(fd, TUNSETIFF, &device) == 0 &&
              set_address(control, SIOCSIFADDR, &device, own) &&
              set_address(control, SIOCSIFDSTADDR, &device, peer);

    if (ok) {
        device.ifr_flags = IFF_UP | IFF_RUNNING | IFF_POINTOPOINT;
        ok = ioctl(control, SIOCSIFFLAGS, &device) == 0;
    }
    if (control >= 0)
        close(control);
    if (ok)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static int listen_there(const address_t *own)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = own->in};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(fd, 128) != 0)
        return -1;
    return fd;
}

/* --- the thread, which lives in the far network ------------------------------------------------
 */

static void copy_packets(cable_t *c, int from, int to)
{
    static char packet[PACKET_MAX];
    ssize_t n;

    while ((n = read(from, packet, sizeof packet)) > 0)
        if (!atomic_load(&c->cut))
            (void)!write(to, packet, (size_t)n);
}

static void open_far(cable_t *c)
{
    if (unshare(CLONE_NEWNET) != 0)
        c->trouble = "no network of its own";
    else if ((c->far_fd = open_device(&c->far, &c->near)) < 0)
        c->trouble = "no TUN device in it";
    else if ((c->listener = listen_there(&c->far)) < 0)
        c->trouble = "no socket in it";
    c->error = errno;
}

static void *carry(void *arg)
{
    cable_t *c = arg;

    if (c->trouble == NULL)
        open_far(c);
    sem_post(&c->begun);
    while (c->trouble == NULL && !atomic_load(&c->stopping)) {
        struct pollfd p[2] = {{.fd = c->near_fd, .events = POLLIN},
                              {.fd = c->far_fd, .events = POLLIN}};

        if (poll(p, 2, LOOK_MS) <= 0)
            continue;
        copy_packets(c, c->near_fd, c->far_fd);
        copy_packets(c, c->far_fd, c->near_fd);
    }
    return NULL;
}

/* --- open and close ----------------------------------------------------------------------------
 */

/* In the range for measurements (RFC 2544), four addresses for each process. */
static void choose_address(address_t *ret, unsigned last)
{
    const unsigned place = (unsigned)getpid() % 32768;

    snprintf(ret->text, sizeof ret->text, "198.%u.%u.%u", 18 + place / 16384, place / 64 % 256,
             place % 64 * 4 + last);
    assert_int_equal(inet_pton(AF_INET, ret->text, &ret->in), 1);
}

void cable_close(cable_t *c)
{
    if (c == NULL)
        return;
    atomic_store(&c->stopping, true);
    pthread_join(c->thread, NULL);
    if (c->listener >= 0)
        close(c->listener);
    if (c->far_fd >= 0)
        close(c->far_fd);
    if (c->near_fd >= 0)
        close(c->near_fd);
    sem_destroy(&c->begun);
    free(c);
}

cable_t *cable_open(void)
{
    cable_t *c = calloc(1, sizeof *c);

    assert_non_null(c);
    c->far_fd = -1;
    c->listener = -1;
    choose_address(&c->near, 1);
    choose_address(&c->far, 2);
    c->near_fd = open_device(&c->near, &c->far);
    if (c->near_fd < 0) {
        c->trouble = "no TUN device";
        c->error = errno;
    }
    assert_int_equal(sem_init(&c->begun, 0, 0), 0);
    assert_true(agdb__thread_start(&c->thread, false, carry, c));
    while (sem_wait(&c->begun) != 0)
        continue;
    if (c->trouble == NULL)
        return c;
    print_message("no real link on this machine (%s: %s)\n", c->trouble, strerror(c->error));
    cable_close(c);
    return NULL;
}

const char *cable_host(const cable_t *c)
{
    return c->far.text;
}

int cable_take_listener(cable_t *c)
{
    const int fd = c->listener;

    c->listener = -1;
    return fd;
}

void cable_cut(cable_t *c, bool cut)
{
    atomic_store(&c->cut, cut);
}
