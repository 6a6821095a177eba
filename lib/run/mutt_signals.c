#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "mutt_run.h"

/* a handler has no argument of its own */
static mutt_run_t *signalled;


static void
wake(mutt_run_t *run)
{
    uint64_t one = 1;

    /* full means that it is awake already */
    (void) !write(run->wake_fd, &one, sizeof(one));
}


static void
on_stop(int signo)
{
    int saved = errno;

    (void) signo;

    if (__atomic_add_fetch(&signalled->stop, 1, __ATOMIC_SEQ_CST) > 1) {
        _exit(1);
    }

    wake(signalled);
    errno = saved;
}


static void
on_reload(int signo)
{
    int saved = errno;

    (void) signo;
    __atomic_store_n(&signalled->reload, 1, __ATOMIC_SEQ_CST);
    wake(signalled);
    errno = saved;
}


void
mutt_signals_install(mutt_run_t *run)
{
    struct sigaction sa = { .sa_flags = SA_RESTART };

    signalled = run;
    (void) sigemptyset(&sa.sa_mask);

    sa.sa_handler = on_stop;
    (void) sigaction(SIGTERM, &sa, NULL);
    (void) sigaction(SIGINT, &sa, NULL);

    sa.sa_handler = on_reload;
    (void) sigaction(SIGHUP, &sa, NULL);

    sa.sa_handler = SIG_IGN;
    (void) sigaction(SIGPIPE, &sa, NULL);
}


void
mutt_run_sleep(mutt_run_t *run, mutt_usec_t wait_us)
{
    struct pollfd p = { .fd = run->wake_fd, .events = POLLIN };
    uint64_t count;

    if (poll(&p, 1, (int) (wait_us / 1000)) == 1) {
        (void) !read(run->wake_fd, &count, sizeof(count));
    }
}
