/* Forks are noticed in the child, and only there. */
#include "base/fork.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* What `generations` forks later the innermost process sees, as exit status; 255: fork failed. */
static int generation_after(int generations)
{
    int status = 0;
    pid_t pid;

    if (generations == 0)
        return (int)agdb__fork_generation();
    pid = fork();
    if (pid == 0)
        _exit(generation_after(generations - 1));
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
        return 255;
    return WEXITSTATUS(status);
}

static void generation_without_fork_stays(void **state)
{
    unsigned before = agdb__fork_generation();

    (void)state;
    assert_int_equal(agdb__fork_generation(), before);
}

static void generation_grows_with_each_fork_in_the_child_only(void **state)
{
    int before = (int)agdb__fork_generation();

    (void)state;
    assert_int_equal(generation_after(1), before + 1);
    assert_int_equal(generation_after(2), before + 2);
    assert_int_equal(agdb__fork_generation(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(generation_without_fork_stays),
        cmocka_unit_test(generation_grows_with_each_fork_in_the_child_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
