/* muttdev check orphans: is anything held by a worker that is gone? */

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "core/mutt_buf.h"
#include "core/mutt_time.h"
#include "domain/mutt_keys.h"
#include "muttdev.h"

#define POLL_MS 200
#define NAME_SIZE 256
#define BEAT_SIZE 64
#define JSON_MAX (1u << 24)

typedef struct {
    char *id;
    char first[BEAT_SIZE]; /* beat at the first look */
    char beat[BEAT_SIZE];  /* and now */
    bool fenced;           /* has no token */
    int64_t items;
    double age_s; /* of the oldest; below 0: it does not say */
} held_t;

typedef struct {
    size_t n;
    held_t *held;
    mutt_json_reader_t *reader;
} watch_t;


static mutt_rc_t
read_text(check_t *check, mutt_str_t hash, const char *id, char *out,
          size_t size, mutt_err_t *err)
{
    const mutt_reply_t *reply;
    mutt_rc_t rc = check_call(
        check, 3, (mutt_str_t[]) { MUTT_STR("HGET"), hash, mutt_str(id) },
        &reply, err);

    if (rc == MUTT_OK) {
        (void) snprintf(out, size, "%.*s", MUTT_STR_ARG(reply->str));
    }

    return rc;
}


/* How long ago the oldest item came in, by this machine's clock. */
static mutt_rc_t
read_age(check_t *check, watch_t *w, mutt_str_t key, held_t *held,
         mutt_err_t *err)
{
    const mutt_reply_t *reply;
    mutt_str_t text;
    mutt_usec_t at;
    mutt_rc_t rc = check_call(
        check, 3, (mutt_str_t[]) { MUTT_STR("LINDEX"), key, MUTT_STR("-1") },
        &reply, err);

    held->age_s = -1;

    if (rc == MUTT_OK && reply->type == MUTT_REPLY_STRING &&
        check_member(w->reader, reply->str, "_received_at", &text) &&
        mutt_time_parse(text, &at)) {
        double age = (double) (mutt_time_now() - at) / MUTT_USEC_SEC;

        held->age_s = age < 0 ? 0 : age;
    }

    return rc;
}


static mutt_rc_t
read_one(check_t *check, watch_t *w, held_t *held, mutt_err_t *err)
{
    char key[NAME_SIZE];
    char token[BEAT_SIZE];
    const mutt_reply_t *reply;

    (void) snprintf(key, sizeof(key), "%s%s", mutt_keys[MUTT_KEY_PROCESSING],
                    held->id);

    mutt_rc_t rc = read_text(check, mutt_str(mutt_keys[MUTT_KEY_BEATS]),
                             held->id, held->beat, sizeof(held->beat), err);

    if (rc == MUTT_OK) {
        rc = read_text(check, mutt_str(mutt_keys[MUTT_KEY_FENCE]), held->id,
                       token, sizeof(token), err);
    }

    if (rc == MUTT_OK) {
        held->fenced = token[0] == '\0';
        rc = check_call(check, 2,
                        (mutt_str_t[]) { MUTT_STR("LLEN"), mutt_str(key) },
                        &reply, err);
    }

    if (rc == MUTT_OK) {
        held->items = reply->integer;
        rc = read_age(check, w, mutt_str(key), held, err);
    }

    return rc;
}


static mutt_rc_t
read_all(check_t *check, watch_t *w, mutt_err_t *err)
{
    mutt_rc_t rc = MUTT_OK;

    for (size_t i = 0; i < w->n && rc == MUTT_OK; i++) {
        rc = read_one(check, w, &w->held[i], err);
    }

    return rc;
}


static mutt_usec_t
lease_of(const check_t *check, const held_t *held)
{
    bool alerter = strncmp(held->id, "alerter:", strlen("alerter:")) == 0;

    return mutt_set_int(check->settings, alerter
                                             ? MUTT_SET_ALERTER_JANITOR_TIMEOUT
                                             : MUTT_SET_MOOG_JANITOR_TIMEOUT) *
           MUTT_USEC_SEC;
}


static bool
is_silent(const held_t *held)
{
    return strcmp(held->first, held->beat) == 0;
}


static bool
is_orphan(const held_t *held)
{
    return held->items > 0 && (held->fenced || is_silent(held));
}


/* Looks until every worker has beaten, or could have been heard. */
static mutt_rc_t
watch(check_t *check, watch_t *w, mutt_err_t *err)
{
    mutt_usec_t began = mutt_time_mono();
    mutt_rc_t rc = read_all(check, w, err);

    for (size_t i = 0; i < w->n; i++) {
        (void) memcpy(w->held[i].first, w->held[i].beat, BEAT_SIZE);
    }

    while (rc == MUTT_OK) {
        mutt_usec_t passed = mutt_time_mono() - began;
        bool doubt = false;

        for (size_t i = 0; i < w->n; i++) {
            doubt = doubt || (is_orphan(&w->held[i]) &&
                              passed < lease_of(check, &w->held[i]));
        }

        if (!doubt) {
            break;
        }

        check_pause(POLL_MS);
        rc = read_all(check, w, err);
    }

    return rc;
}


static const char *
reason_of(const held_t *held)
{
    return held->fenced ? "has no token" : "its heartbeat does not move";
}


static void
print_text(const watch_t *w)
{
    size_t orphans = 0;

    for (size_t i = 0; i < w->n; i++) {
        const held_t *h = &w->held[i];

        if (!is_orphan(h)) {
            continue;
        }

        orphans++;
        (void) printf("%s%s: %lld items, ", mutt_keys[MUTT_KEY_PROCESSING],
                      h->id, (long long) h->items);

        if (h->age_s < 0) {
            (void) printf("of unknown age; %s\n", reason_of(h));
        } else {
            (void) printf("the oldest %.0f s old; %s\n", h->age_s,
                          reason_of(h));
        }
    }

    (void) printf("workers: %zu, orphans: %zu\n", w->n, orphans);
}


static void
print_json(const watch_t *w)
{
    mutt_buf_t out;
    const char *comma = "";

    mutt_buf_init(&out, JSON_MAX);
    mutt_buf_addf(&out, "{\"workers\":%zu,\"orphans\":[", w->n);

    for (size_t i = 0; i < w->n; i++) {
        const held_t *h = &w->held[i];

        if (!is_orphan(h)) {
            continue;
        }

        mutt_buf_addf(&out, "%s{\"worker\":", comma);
        mutt_buf_add_json(&out, mutt_str(h->id));
        mutt_buf_addf(
            &out, ",\"items\":%lld,\"oldest_age_s\":", (long long) h->items);

        if (h->age_s < 0) {
            MUTT_BUF_LIT(&out, "null");
        } else {
            mutt_buf_addf(&out, "%.3f", h->age_s);
        }

        mutt_buf_addf(&out, ",\"reason\":\"%s\"}", reason_of(h));
        comma = ",";
    }

    MUTT_BUF_LIT(&out, "]}\n");
    (void) fwrite(out.data, 1, out.len, stdout);
    mutt_buf_done(&out);
}


static int
verdict(const watch_t *w)
{
    for (size_t i = 0; i < w->n; i++) {
        if (is_orphan(&w->held[i])) {
            return CHECK_DIFFERENT;
        }
    }

    return CHECK_FINE;
}


static mutt_rc_t
look(check_t *check, watch_t *w, char ***ids, mutt_err_t *err)
{
    mutt_rc_t rc = check_open(check, err);

    if (rc == MUTT_OK) {
        rc = check_workers(check, ids, &w->n, err);
    }

    if (rc != MUTT_OK) {
        return rc;
    }

    w->reader = mutt_json_reader_create();
    w->held = calloc(w->n + 1, sizeof(held_t));

    if (w->reader == NULL || w->held == NULL) {
        return mutt_fail(err, MUTT_NOMEM, "out of memory");
    }

    for (size_t i = 0; i < w->n; i++) {
        w->held[i].id = (*ids)[i];
    }

    return watch(check, w, err);
}


static int
run(int argc, char **argv)
{
    static const struct option names[] = {
        { "json", no_argument, NULL, 'j' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    bool json = false;
    int name;

    while ((name = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (name == 'h') {
            return muttdev_help(&muttdev_check_orphans);
        }

        if (name != 'j') {
            return muttdev_usage(&muttdev_check_orphans);
        }

        json = true;
    }

    if (optind != argc) {
        return muttdev_usage(&muttdev_check_orphans);
    }

    check_t check;
    watch_t w = { 0 };
    char **ids = NULL;
    mutt_err_t err;
    int status;

    if (look(&check, &w, &ids, &err) != MUTT_OK) {
        status = check_cannot_tell(muttdev_check_orphans.name, &err);
    } else {
        status = verdict(&w);

        if (json) {
            print_json(&w);
        } else {
            print_text(&w);
        }
    }

    check_workers_free(ids, w.n);
    free(w.held);
    mutt_json_reader_destroy(w.reader);
    check_close(&check);

    return status;
}


const muttdev_command_t muttdev_check_orphans = {
    .name = "check orphans",
    .synopsis = "[--json]",
    .summary = "is anything held by a worker that is gone",
    .help =
        "\n"
        "Lists processing lists that hold items of a worker without a token "
        "or with a\nheartbeat that does not move.  A heartbeat in doubt is "
        "watched for the lease:\nALERTER_JANITOR_TIMEOUT, "
        "MOOG_JANITOR_TIMEOUT.  Another worker of the same kind\nrecovers an "
        "orphan within about as long; one that stays has no such worker.\n"
        "\n"
        "  --json  print an object\n"
        "\n"
        "Exit status: 0 there are none; 1 there are some; 4 it cannot be "
        "told.  2: wrong\nusage.\n",
    .run_words = run,
};
