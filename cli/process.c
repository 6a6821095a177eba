#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/mutt_time.h"

#define SLICE_MS 50
#define PIECE 4096


/* What is added, then our environment: of two the first counts.  NULL when out
 * of memory. */
static char **
add_up(char *const added[])
{
    size_t n = 0;
    size_t own = 0;

    while (added != NULL && added[n] != NULL) {
        n++;
    }

    while (environ[own] != NULL) {
        own++;
    }

    char **all = calloc(n + own + 1, sizeof(char *));

    for (size_t i = 0; all != NULL && i < n + own; i++) {
        all[i] = i < n ? added[i] : environ[i - n];
    }

    return all;
}


static void
become(char *const argv[], const char *dir, char *const all[], bool quiet,
       int out)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    (void) setpgid(0, 0);

    if (null < 0 || dup2(null, STDIN_FILENO) < 0 ||
        (dir != NULL && chdir(dir) != 0)) {
        _exit(127);
    }

    if (out >= 0 &&
        (dup2(out, STDOUT_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0)) {
        _exit(127);
    }

    if (out < 0 && quiet && dup2(STDERR_FILENO, STDOUT_FILENO) < 0) {
        _exit(127);
    }

    (void) execvpe(argv[0], argv, all);
    _exit(127);
}


/* Takes what has come; false at its end. */
static bool
take(int in, mutt_buf_t *said)
{
    char piece[PIECE];
    ssize_t n = read(in, piece, sizeof(piece));

    if (n > 0) {
        mutt_buf_add(said, piece, (size_t) n);
    }

    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}


/* Waits for the end; in is -1 when nothing is read. */
static int
wait_for(pid_t pid, int in, int seconds, mutt_buf_t *said)
{
    mutt_usec_t deadline = mutt_time_mono() + seconds * MUTT_USEC_SEC;
    bool killed = false;
    int status;

    for (;;) {
        struct pollfd p = { .fd = in, .events = POLLIN };
        int ready = poll(&p, 1, SLICE_MS);

        if (in >= 0 && ready > 0 && !take(in, said)) {
            in = -1;
        }

        if (waitpid(pid, &status, WNOHANG) == pid) {
            break;
        }

        if (!killed && mutt_time_mono() > deadline) {
            (void) kill(-pid, SIGKILL);
            (void) kill(pid, SIGKILL);
            killed = true;
        }
    }

    while (in >= 0 &&
           poll(&(struct pollfd) { .fd = in, .events = POLLIN }, 1, 0) > 0 &&
           take(in, said)) {
    }

    if (killed) {
        return PROCESS_TIMEOUT;
    }

    if (!WIFEXITED(status)) {
        return PROCESS_SIGNAL;
    }

    return WEXITSTATUS(status) == 127 ? PROCESS_FAILED : WEXITSTATUS(status);
}


int
process_run(char *const argv[], const char *dir, char *const environment[],
            bool quiet, int seconds, mutt_buf_t *said)
{
    int ends[2] = { -1, -1 };

    if (said != NULL && pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
        return PROCESS_FAILED;
    }

    char **all = add_up(environment);
    pid_t pid = all == NULL ? -1 : fork();

    if (pid == 0) {
        become(argv, dir, all, quiet, ends[1]);
    }

    free(all);

    if (ends[1] >= 0) {
        (void) close(ends[1]);
    }

    int status =
        pid < 0 ? PROCESS_FAILED : wait_for(pid, ends[0], seconds, said);

    if (ends[0] >= 0) {
        (void) close(ends[0]);
    }

    return status;
}
