/*
 * What the shims have in common: each is a shared object that LD_PRELOAD puts
 * before libc in one process of a test, and a page of numbers that the test
 * writes and reads while the process runs (t/lib/Mutt/Shim.pm).
 */

#ifndef MUTT_SHIM_H
#define MUTT_SHIM_H

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SHIM_NUMBERS 8

/* Of a process without the page: nothing is wrong. */
static int64_t shim_none[SHIM_NUMBERS];
static int64_t *shim_numbers = shim_none;


/*
 * Maps the file that the variable names; to be called by a constructor, for
 * nginx clears its environment later.  A program that only starts the one
 * under test is left alone.
 */
static inline void
shim_map(const char *variable)
{
    const char *path = getenv(variable);
    int fd =
        path == NULL || strcmp(program_invocation_short_name, "setpriv") == 0
            ? -1
            : open(path, O_RDWR | O_CLOEXEC);

    if (fd < 0) {
        return;
    }

    void *page = mmap(NULL, sizeof(shim_none), PROT_READ | PROT_WRITE,
                      MAP_SHARED, fd, 0);

    (void) close(fd);

    if (page != MAP_FAILED) {
        shim_numbers = page;
    }
}


static inline int64_t
shim_get(int i)
{
    return __atomic_load_n(&shim_numbers[i], __ATOMIC_SEQ_CST);
}


static inline int64_t
shim_add(int i, int64_t n)
{
    return __atomic_add_fetch(&shim_numbers[i], n, __ATOMIC_SEQ_CST);
}

#endif
