/* Notices that the process has forked, without a system call per look. */
#ifndef AGDB_BASE_FORK_H
#define AGDB_BASE_FORK_H

/* How many forks lie between the first process and this one; a handle remembers the number at its
 * birth. The first call installs a pthread_atfork hook. */
unsigned agdb__fork_generation(void);

#endif
