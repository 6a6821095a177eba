/*
 * Retention: partitions kept ahead, old months archived and then dropped, old
 * archives, config audits and dead letters deleted (CONTRACT section 6).  A
 * run is a list of tasks, a task a number of small steps, each of them safe to
 * be cut off and repeated.  What is old is PostgreSQL's clock's to say.
 */

#ifndef MUTT_RETENTION_H
#define MUTT_RETENTION_H

#include "conf/mutt_settings.h"
#include "core/mutt_error.h"
#include "mutt_redis.h"

typedef struct mutt_retention_s mutt_retention_t;

/* What the settings want. */
typedef struct {
    int64_t event_days;
    int64_t archive_years;
    int64_t change_days;
    int64_t letter_days;
    bool enforced; /* else only partitions are made, and tables measured */
} mutt_retention_policy_t;

mutt_retention_policy_t mutt_retention_policy(const mutt_settings_t *settings);

/*
 * metrics are where the counts go; tell is called with what a person may want
 * to know, and with dry instead of doing it.  settings are those for life.
 * NULL when out of memory.
 */
mutt_retention_t *
mutt_retention_create(const mutt_settings_t *settings, bool dry,
                      uint64_t *metrics,
                      void (*tell)(void *data, const char *text), void *data);

/* Accepts NULL. */
void mutt_retention_destroy(mutt_retention_t *retention);

/*
 * Begins a run.  Its policy is read from PostgreSQL, where what is stored is
 * for sure, and without it nothing is deleted.
 */
void mutt_retention_begin(mutt_retention_t *retention);

/* Whether the run deletes what is due. */
bool mutt_retention_enforced(const mutt_retention_t *retention);

/*
 * MUTT_OK: there is more.  MUTT_AGAIN: the run is over.  Anything else: a task
 * failed, which may be tried again with the next step, or be left by
 * mutt_retention_skip().
 */
MUTT_CHECKED mutt_rc_t mutt_retention_step(mutt_retention_t *retention,
                                           mutt_redis_t *redis,
                                           mutt_err_t *err);

/* Between two runs: whether PostgreSQL answers, and lets this process do it. */
MUTT_CHECKED mutt_rc_t mutt_retention_look(mutt_retention_t *retention,
                                           mutt_err_t *err);

/* Counts the task as failed, and goes on with the next. */
void mutt_retention_skip(mutt_retention_t *retention);

/* Whether the last failure was of a connection, which is worth a new one. */
bool mutt_retention_cut_off(const mutt_retention_t *retention,
                            const mutt_redis_t *redis);

/* The task in hand, a static word; whether any of this run has failed. */
const char *mutt_retention_task(const mutt_retention_t *retention);
bool mutt_retention_failed(const mutt_retention_t *retention);

#endif
