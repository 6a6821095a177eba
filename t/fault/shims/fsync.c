/*
 * What of a file a disk is sure to hold.  Each sync that succeeded notes the
 * length the file had when it began, in a file of MUTT_SHIM_FSYNC_DIR that is
 * named by the inode: what is beyond would be gone after a power loss.
 *
 * Numbers: 0 milliseconds that a sync takes longer, 1 the errno with which it
 * fails (0: it does not), 2 syncs so far.
 */

#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "shim.h"

static char directory[256];


__attribute__((constructor)) static void
start(void)
{
    const char *path = getenv("MUTT_SHIM_FSYNC_DIR");

    shim_map("MUTT_SHIM_FSYNC");
    (void) snprintf(directory, sizeof(directory), "%s",
                    path == NULL ? "" : path);
}


static void
note(const struct stat *st)
{
    char path[512];
    char text[32];

    (void) snprintf(path, sizeof(path), "%s/%llu", directory,
                    (unsigned long long) st->st_ino);

    int len =
        snprintf(text, sizeof(text), "%020lld\n", (long long) st->st_size);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

    if (fd >= 0) {
        (void) !pwrite(fd, text, (size_t) len, 0);
        (void) close(fd);
    }
}


static int
sync_file(int fd, long number)
{
    struct stat st;
    int64_t ms = shim_get(0);
    struct timespec late = { ms / 1000, ms % 1000 * 1000000 };

    (void) shim_add(2, 1);

    if (fstat(fd, &st) != 0) {
        return -1;
    }

    (void) nanosleep(&late, NULL);

    if (shim_get(1) != 0) {
        errno = (int) shim_get(1);
        return -1;
    }

    int rc = (int) syscall(number, fd);

    if (rc == 0 && directory[0] != '\0' && S_ISREG(st.st_mode)) {
        note(&st);
    }

    return rc;
}


int
fsync(int fd)
{
    return sync_file(fd, SYS_fsync);
}


int
fdatasync(int fd)
{
    return sync_file(fd, SYS_fdatasync);
}
