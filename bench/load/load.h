/* What the load program is made of: a workload makes operations, a side carries them out. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MAX_STATEMENTS = 256, MAX_SERVERS = 32, KEY_ROOM = 32 };

/* The statements of a transaction: a read, an update and a read of one row. */
enum { STEPS = 3 };

/* The application of the topologies: agencies in turn own the rows. */
enum { AGENCIES = 256 };

typedef struct options {
    const char *side;
    const char *pair; /* a second side, run in turn with the first by one thread */
    const char *work;
    const char *map;                  /* for agdb */
    const char *primary[MAX_SERVERS]; /* for the others: connection strings, in shard order */
    const char *replica[MAX_SERVERS]; /* as many for each shard */
    const char *read_sql;             /* instead of the workload's own statement */
    const char *census;               /* count the connections of this server at the end */
    unsigned primaries;
    unsigned replicas;
    unsigned threads; /* or requests outstanding, for a side that one thread drives */
    unsigned pool;    /* connections of the mutex pool */
    unsigned limit;   /* rows of an answer, for the workload `rows` */
    int64_t rows;     /* of the table */
    double warm;
    double seconds;
    double every; /* print a line so often, too; 0: only at the end */
    bool unnamed; /* no prepared statements: parse each time */
    bool disturb; /* one thread more that runs a statement of one second every second */
} options_t;

typedef enum access { ACCESS_WRITE, ACCESS_READ, ACCESS_REPLICA } access_t;

/* Every statement has one parameter, a bigint. */
typedef struct operation {
    unsigned statement; /* number of its text */
    access_t access;
    int64_t id;
    const char *key;     /* the agency that owns the row */
    int rows;            /* the answer's rows: the first of them starts with the id */
    bool counts_changes; /* or: the rows that it changes */
} operation_t;

typedef struct workload {
    const char *name;
    unsigned statements;
    char *sql[MAX_STATEMENTS];
    char name_of[MAX_STATEMENTS][16]; /* names for preparing them */
    char key[AGENCIES][KEY_ROOM];
    int64_t rows;
    unsigned limit;
} workload_t;

extern const char k_sleep_sql[]; /* what disturbs the others */

bool workload_init(workload_t *work, const options_t *options);
void workload_fini(workload_t *work);
/* The next operation at random. */
operation_t workload_next(const workload_t *work, uint64_t *seed);
/* One with this statement, so that each can be prepared before anything is measured. */
operation_t workload_prime(const workload_t *work, unsigned statement, uint64_t *seed);
/* The statements of a transaction on the row of `op`. The second is the workload's last, the others
 * its first: a workload of one statement has it in each place. */
void workload_steps(const workload_t *work, const operation_t *op, operation_t steps[STEPS]);

typedef struct course course_t;

/* One way to run operations. Failures are told on stderr. */
typedef struct side {
    const char *name;
    bool (*open)(const options_t *options, const workload_t *work);
    void *(*join)(unsigned thread); /* a thread's own part; NULL: failed */
    bool (*run)(void *own, const operation_t *op);
    /* One thread does the whole course, with so many operations outstanding; NULL: as many threads
     * run one operation each. False: it could not begin. */
    bool (*drive)(void *own, course_t *course, unsigned outstanding);
    bool (*sleep)(void *own); /* k_sleep_sql; NULL: this side cannot */
    void (*leave)(void *own);
    void (*close)(void);
} side_t;

extern const side_t k_side_raw;
extern const side_t k_side_mutexpool;
extern const side_t k_side_agdb;
extern const side_t k_side_submit;
extern const side_t k_side_many;
extern const side_t k_side_scatter;
extern const side_t k_side_tx;
extern const side_t k_side_tx_array;
extern const side_t k_side_raw_tx;

const side_t *side_named(const char *name);
/* Says it once for each program run, not a million times. */
void complain(const char *side, const char *what);

uint64_t now_ns(void);
bool options_parse(options_t *options, int argc, char **argv);

/* How it went. */
struct histogram;
struct census;
void report_json(const options_t *options, const char *side, const struct histogram *latencies,
                 uint64_t failures, double seconds, double cpu_seconds,
                 const struct census *census);

#endif
