/* muttdev retention: one run, now. */

#include <stdio.h>
#include <stdlib.h>

#include "api.h"
#include "conf/mutt_metrics.h"
#include "io/mutt_retention.h"

static int run(const options_t *options);

static bool dry_run;

static const option_t takes[] = {
    { "dry-run", 0, OPTION_FLAG, &dry_run, 0, 0 },
    { 0 },
};

const muttdev_command_t muttdev_retention = {
    .name = "retention",
    .synopsis = "[--dry-run]",
    .summary = "archive and delete what is due, once",
    .help =
        "\n"
        "Does what mutt-retention does, by the stored settings, else those\n"
        "of the environment, else their defaults; while a mutt-retention\n"
        "works on the same database it says so and ends.\n"
        "DATABASE_URL must be of a role that may. --dry-run only tells.\n"
        "\n"
        "Exit status: 0 done, 1 a task failed, 2 usage.\n",
    .own = takes,
    .run = run,
};


static void
tell(void *data, const char *text)
{
    (void) data;
    (void) printf("%s\n", text);
}


/* Goes through the tasks; false when one failed. */
static bool
go(mutt_retention_t *retention, mutt_redis_t *redis)
{
    mutt_err_t err = { 0 };
    mutt_rc_t rc;

    do {
        rc = mutt_retention_step(retention, redis, &err);

        if (rc != MUTT_OK && rc != MUTT_AGAIN) {
            (void) fprintf(stderr, "muttdev retention: %s: %s\n",
                           mutt_retention_task(retention), err.text);

            if (mutt_retention_cut_off(retention, redis)) {
                return false;
            }

            mutt_retention_skip(retention);
            rc = MUTT_OK;
        }
    } while (rc == MUTT_OK);

    return !mutt_retention_failed(retention);
}


static bool
run_once(const mutt_settings_t *settings, bool dry)
{
    mutt_err_t err = { 0 };
    uint64_t *metrics = calloc(mutt_metrics_slots(), sizeof(uint64_t));
    mutt_redis_t *redis = mutt_redis_create(settings, "muttdev");
    mutt_retention_t *retention = NULL;
    bool ok = false;

    if (metrics != NULL) {
        retention = mutt_retention_create(settings, dry, metrics, tell, NULL);
    }

    if (retention == NULL || redis == NULL) {
        (void) fprintf(stderr, "muttdev retention: out of memory, or REDIS_URL "
                               "is no address\n");
    } else if (mutt_redis_connect(redis, &err) != MUTT_OK) {
        (void) api_store_failed(&muttdev_retention, &err);
    } else {
        mutt_retention_begin(retention);
        ok = go(retention, redis);
    }

    mutt_retention_destroy(retention);
    mutt_redis_destroy(redis);
    free(metrics);

    return ok;
}


static int
run(const options_t *options)
{
    mutt_settings_t *settings = NULL;
    mutt_err_t err = { 0 };

    (void) options;

    if (muttdev_settings(&settings, &err) != MUTT_OK) {
        (void) fprintf(stderr, "muttdev retention: %s\n", err.text);
        return MUTTDEV_FAILED;
    }

    bool ok = run_once(settings,
                       dry_run ||
                           mutt_set_bool(settings, MUTT_SET_RETENTION_DRY_RUN));

    mutt_settings_destroy(settings);

    return ok ? MUTTDEV_DONE : MUTTDEV_FAILED;
}
