/* Files and folders: read and write whole ones, make and remove trees. */
#ifndef AGDB_CLI_FILES_H
#define AGDB_CLI_FILES_H

#include "cli/process.h"

/* The whole file; NULL with errno, EFBIG over 16 MiB. */
char *cli_read_file(const char *path, size_t *ret_len);
/* All of standard input, likewise. */
char *cli_read_input(size_t *ret_len);
/* False with errno. */
bool cli_write_all(int fd, const char *text, size_t len);
/* By way of a temporary file and a rename. False with errno. */
bool cli_write_file(const char *path, mode_t mode, const char *text, size_t len);
/* Only when there is no such file yet. False with errno. */
bool cli_write_new_file(const char *path, mode_t mode, const char *text, size_t len);
/* The same for a file that belongs to the servers' user. */
bool cli_write_file_of(const char *path, const cli_user_t *user, const char *text);

/* The folder and those above it. False with errno. */
bool cli_make_folders(const char *path, mode_t mode);
/* A new private folder of the servers' user. False with errno. */
bool cli_make_folder_of(const char *path, const cli_user_t *user);
/* With all that is in it; links are not followed. False with errno. */
bool cli_remove_tree(const char *path);

/* The last lines of a file, each after four spaces; "" when there are none. */
char *cli_tail(const char *path, size_t lines);
/* The path counted from the root, without "." and ".." where it exists. */
char *cli_absolute(const char *path);
/* The folder of a path. */
char *cli_folder(const char *path);
bool cli_is_folder(const char *path);

/* `len` random bytes as hex digits. */
char *cli_random_hex(size_t len);

#endif
