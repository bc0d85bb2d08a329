#include "tls.h"

#include "base/clock.h"
#include "direct.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATIENCE_MS = 20000 };

static void run(const char *dir, const char *script)
{
    char command[2048];

    snprintf(command, sizeof command, "cd %s && umask 077 && { %s; } >log 2>&1 </dev/null", dir,
             script);
    if (system(command) != 0) /* NOLINT(cert-env33-c) */
        fail_msg("openssl failed: see %s/log", dir);
}

static void make_certificates(const char *dir)
{
    static const char authority[] =
        "for ca in ca other; do openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256"
        " -nodes -days 30 -subj /CN=test-$ca -keyout $ca.key -out $ca.crt"
        " -addext basicConstraints=critical,CA:TRUE || exit 1; done";
    static const char server[] =
        "openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost"
        " -keyout server.key -out server.csr && "
        "printf 'subjectAltName=DNS:localhost\\nextendedKeyUsage=serverAuth\\n' >server.ext && "
        "openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 30"
        " -out server.crt -extfile server.ext";

    run(dir, authority);
    run(dir, server);
}

/* Its files are of the server's owner, who must find the folder, too. */
static void give_to_server(const tls_t *tls)
{
    static const char *const files[] = {"server.key", "server.crt"};
    struct stat owner;
    size_t i;

    assert_int_equal(stat(tls->node.data, &owner), 0);
    assert_int_equal(chmod(tls->dir, 0755), 0);
    for (i = 0; i < AGDB_COUNT(files) && geteuid() == 0; i++) {
        char path[96];

        snprintf(path, sizeof path, "%s/%s", tls->dir, files[i]);
        assert_int_equal(chown(path, owner.st_uid, owner.st_gid), 0);
    }
}

/* What a server that has read its settings says. */
static void wait_until_ssl_is(PGconn *admin, const char *value)
{
    const uint64_t end_us = agdb__after_ms(agdb__now_us(), PATIENCE_MS);
    bool is = false;

    while (!is) {
        char *now = direct_text(admin, "SELECT setting FROM pg_settings WHERE name = 'ssl'");

        is = strcmp(now, value) == 0;
        free(now);
        if (!is && agdb__now_us() > end_us)
            fail_msg("the server does not turn ssl %s", value);
        (void)usleep(5000);
    }
}

tls_t tls_start(const cluster_node_t *node)
{
    tls_t tls = {.node = *node, .dir = "/tmp/agdb-tls.XXXXXX"};
    PGconn *admin;

    assert_non_null(mkdtemp(tls.dir));
    snprintf(tls.ca, sizeof tls.ca, "%s/ca.crt", tls.dir);
    snprintf(tls.other, sizeof tls.other, "%s/other.crt", tls.dir);
    make_certificates(tls.dir);
    give_to_server(&tls);
    admin = direct_open_admin(node);
    direct_do(admin, "ALTER SYSTEM SET ssl_cert_file = '%s/server.crt'", tls.dir);
    direct_do(admin, "ALTER SYSTEM SET ssl_key_file = '%s/server.key'", tls.dir);
    direct_do(admin, "ALTER SYSTEM SET ssl = on");
    direct_do(admin, "SELECT pg_reload_conf()");
    wait_until_ssl_is(admin, "on");
    PQfinish(admin);
    return tls;
}

void tls_stop(tls_t *tls)
{
    PGconn *admin = direct_open_admin(&tls->node);

    direct_do(admin, "ALTER SYSTEM RESET ssl");
    direct_do(admin, "ALTER SYSTEM RESET ssl_cert_file");
    direct_do(admin, "ALTER SYSTEM RESET ssl_key_file");
    direct_do(admin, "SELECT pg_reload_conf()");
    wait_until_ssl_is(admin, "off");
    PQfinish(admin);
    run(tls->dir, "rm -f ca.* other.* server.* log");
    (void)rmdir(tls->dir);
}
