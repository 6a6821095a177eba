#include "mutt_loader.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "core/mutt_time.h"

#define NICE 19

typedef enum {
    PHASE_IDLE,
    PHASE_READING,   /* needs settings and PostgreSQL; ends in time */
    PHASE_COMPILING, /* needs nothing but itself; may take its time */
    PHASE_DONE       /* to be taken */
} phase_t;

struct mutt_loader_s {
    const mutt_settings_t *settings;
    pthread_mutex_t lock; /* guards what follows, but for load */
    pthread_cond_t moved; /* to another phase */
    phase_t phase;
    bool again;     /* another load was asked for meanwhile */
    bool outdated;  /* so what is on its way is not wanted; atomic */
    bool left;      /* the thread has left one for that already */
    bool abandoned; /* nobody waits: the thread frees it all */
    bool known;     /* digest is that of the last good generation */
    unsigned char digest[MUTT_SHA256_LEN];
    mutt_load_t load; /* the thread's until PHASE_DONE */
};


mutt_loader_t *
mutt_loader_create(const mutt_settings_t *settings)
{
    mutt_loader_t *l = calloc(1, sizeof(mutt_loader_t));
    pthread_condattr_t attributes;

    if (l == NULL) {
        return NULL;
    }

    l->settings = settings;
    (void) pthread_mutex_init(&l->lock, NULL);
    (void) pthread_condattr_init(&attributes);
    (void) pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void) pthread_cond_init(&l->moved, &attributes);
    (void) pthread_condattr_destroy(&attributes);

    return l;
}


static void
free_loader(mutt_loader_t *l)
{
    mutt_generation_destroy(l->load.generation);
    (void) pthread_cond_destroy(&l->moved);
    (void) pthread_mutex_destroy(&l->lock);
    free(l);
}


void
mutt_loader_destroy(mutt_loader_t *loader)
{
    if (loader == NULL) {
        return;
    }

    (void) pthread_mutex_lock(&loader->lock);

    while (loader->phase == PHASE_READING) {
        (void) pthread_cond_wait(&loader->moved, &loader->lock);
    }

    loader->abandoned = loader->phase == PHASE_COMPILING;
    __atomic_store_n(&loader->outdated, true, __ATOMIC_RELAXED);

    bool left = loader->abandoned;

    (void) pthread_mutex_unlock(&loader->lock);

    if (!left) {
        free_loader(loader);
    }
}


static void
keep_report(void *data, int32_t rule_id, const char *why)
{
    mutt_load_t *load = data;

    if (load->n_reports < MUTT_LOAD_REPORTS) {
        mutt_load_report_t *report = &load->reports[load->n_reports];

        report->rule_id = rule_id;
        (void) snprintf(report->why, sizeof(report->why), "%s", why);
    }

    load->n_reports++;
}


/* False when nobody waits for the load any more. */
static bool
move_to(mutt_loader_t *l, phase_t phase)
{
    (void) pthread_mutex_lock(&l->lock);
    l->phase = phase;

    bool wanted = !l->abandoned;

    (void) pthread_cond_broadcast(&l->moved);
    (void) pthread_mutex_unlock(&l->lock);

    return wanted;
}


static mutt_rc_t
read_rules(mutt_loader_t *l, mutt_rules_t **rules, mutt_err_t *err)
{
    mutt_pg_t *pg = mutt_pg_create(l->settings, "mutt-alerter rules");

    if (pg == NULL) {
        return mutt_fail(err, MUTT_NOMEM, "out of memory for a connection");
    }

    mutt_rc_t rc = mutt_pg_connect(pg, err);

    if (rc == MUTT_OK) {
        rc = mutt_rules_read(pg, rules, err);
    }

    mutt_pg_destroy(pg);

    return rc;
}


static void
compile(mutt_loader_t *l, const mutt_rules_t *rules)
{
    mutt_load_t *load = &l->load;
    unsigned char digest[MUTT_SHA256_LEN];
    bool digested = mutt_rules_digest(rules, digest);

    if (digested && l->known &&
        memcmp(digest, l->digest, sizeof(digest)) == 0) {
        return;
    }

    load->rc = mutt_generation_create(rules, &l->outdated, keep_report, load,
                                      &load->generation, &load->err);

    if (load->rc == MUTT_OK) {
        l->known = digested;
        memcpy(l->digest, digest, sizeof(digest));
    }
}


/* One after the other, should rules change meanwhile. */
static void *
widen_main(void *data)
{
    static pthread_mutex_t building = PTHREAD_MUTEX_INITIALIZER;
    mutt_wide_t *wide = data;

    (void) setpriority(PRIO_PROCESS, (id_t) gettid(), NICE);
    (void) pthread_mutex_lock(&building);
    mutt_wide_build(wide);
    (void) pthread_mutex_unlock(&building);
    mutt_wide_release(wide);

    return NULL;
}


static bool
start_thread(void *(*run)(void *), void *data)
{
    pthread_t thread;
    pthread_attr_t attributes;

    (void) pthread_attr_init(&attributes);
    (void) pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);

    bool started = pthread_create(&thread, &attributes, run, data) == 0;

    (void) pthread_attr_destroy(&attributes);

    return started;
}


bool
mutt_loader_widen(mutt_wide_t *wide)
{
    if (start_thread(widen_main, wide)) {
        return true;
    }

    mutt_wide_release(wide);

    return false;
}


static void
load_once(mutt_loader_t *l)
{
    mutt_rules_t *rules = NULL;

    memset(&l->load, 0, sizeof(l->load));
    l->load.rc = read_rules(l, &rules, &l->load.err);

    bool wanted = move_to(l, PHASE_COMPILING);

    if (wanted && l->load.rc == MUTT_OK) {
        (void) snprintf(l->load.version, sizeof(l->load.version), "%s",
                        mutt_rules_version(rules));
        compile(l, rules);
    }

    mutt_rules_destroy(rules);
}


/* Whether what was loaded is left for what is newer, which is then the last. */
static bool
leaves(mutt_loader_t *l)
{
    (void) pthread_mutex_lock(&l->lock);

    bool left =
        l->outdated && !l->left && !l->abandoned && l->load.generation == NULL;

    if (left) {
        l->left = true;
        l->again = false;
        l->outdated = false;
        l->phase = PHASE_READING;
    }

    (void) pthread_mutex_unlock(&l->lock);

    return left;
}


static void *
load_main(void *data)
{
    mutt_loader_t *l = data;
    mutt_usec_t began = mutt_time_mono();

    do {
        load_once(l);
    } while (leaves(l));

    l->load.seconds =
        (double) (mutt_time_mono() - began) / (double) MUTT_USEC_SEC;

    if (!move_to(l, PHASE_DONE)) {
        free_loader(l);
    }

    return NULL;
}


static bool
launch(mutt_loader_t *l)
{
    l->again = false;
    l->outdated = false;
    l->left = false;
    l->phase = PHASE_READING;

    bool launched = start_thread(load_main, l);

    if (!launched) {
        l->phase = PHASE_IDLE;
    }

    return launched;
}


bool
mutt_loader_start(mutt_loader_t *loader)
{
    bool launched = true;

    (void) pthread_mutex_lock(&loader->lock);

    if (loader->phase == PHASE_IDLE) {
        launched = launch(loader);
    } else {
        loader->again = true;

        if (!loader->left) {
            __atomic_store_n(&loader->outdated, true, __ATOMIC_RELAXED);
        }
    }

    (void) pthread_mutex_unlock(&loader->lock);

    return launched;
}


bool
mutt_loader_busy(mutt_loader_t *loader)
{
    (void) pthread_mutex_lock(&loader->lock);

    bool busy = loader->phase != PHASE_IDLE;

    (void) pthread_mutex_unlock(&loader->lock);

    return busy;
}


void
mutt_loader_wait(mutt_loader_t *loader, unsigned wait_ms)
{
    struct timespec until;

    (void) clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += wait_ms / 1000;
    until.tv_nsec += (long) (wait_ms % 1000) * 1000000;

    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }

    (void) pthread_mutex_lock(&loader->lock);

    while (loader->phase == PHASE_READING || loader->phase == PHASE_COMPILING) {
        if (pthread_cond_timedwait(&loader->moved, &loader->lock, &until) !=
            0) {
            break;
        }
    }

    (void) pthread_mutex_unlock(&loader->lock);
}


bool
mutt_loader_take(mutt_loader_t *loader, mutt_load_t *load)
{
    (void) pthread_mutex_lock(&loader->lock);

    bool done = loader->phase == PHASE_DONE;

    if (done) {
        *load = loader->load;
        loader->load.generation = NULL;
        loader->phase = PHASE_IDLE;

        if (loader->again) {
            (void) launch(loader);
        }
    }

    (void) pthread_mutex_unlock(&loader->lock);

    return done;
}
