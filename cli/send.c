/* muttdev send: the events of a file, to ingest. */

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "client.h"
#include "core/mutt_time.h"
#include "events.h"
#include "sender.h"
#include "trap.h"

#define PARALLEL 4
#define BATCH_DEFAULT 100
#define BATCH_MAX 10000
#define RATE_MAX 1000000
#define FAULTS_SHOWN 5
#define SLICE_MS 20

static int run(const options_t *options);

static struct {
    const char *type;
    long batch;
    long rate; /* 0: as fast as it goes */
    bool gzip;
    bool dry;
} given = { .type = "syslog", .batch = BATCH_DEFAULT };

static const option_t takes[] = {
    { "type", 0, OPTION_TEXT, &given.type, 0, 0 },
    { "batch", 0, OPTION_COUNT, &given.batch, 1, BATCH_MAX },
    { "rate", 0, OPTION_COUNT, &given.rate, 1, RATE_MAX },
    { "gzip", 0, OPTION_FLAG, &given.gzip, 0, 0 },
    { "dry-run", 0, OPTION_FLAG, &given.dry, 0, 0 },
    { 0 },
};

const muttdev_command_t muttdev_send = {
    .name = "send",
    .synopsis = "FILE [--type TYPE] [--batch N] [--rate N] [--gzip] "
                "[--dry-run]",
    .summary = "send the events of a file to ingest",
    .help =
        "\nFILE is an array of events, one object, or one a line; - is stdin. "
        "TYPE is\nsyslog, the default, or trap: a record then gets trap_oid, "
        "hostname from\nsource_ip and a message of OID and variables where it "
        "has none. Events that\nhave no timestamp get the present one. N "
        "events a request (100), N a second\nat most. The key is "
        "MUTT_INGEST_KEY, or the file MUTT_INGEST_KEY_FILE.\nExit status 1 "
        "when an event was not accepted; --dry-run prints what would be\n"
        "sent.\n" OPTIONS_HELP,
    .own = takes,
    .run = run,
};

typedef struct {
    const options_t *options;
    size_t sent;
    size_t accepted;
    size_t failed;
    size_t shown;
    bool refused; /* an event, for what it is */
    double started;
} sending_t;


static double
now(void)
{
    return (double) mutt_time_mono() / MUTT_USEC_SEC;
}


static void
show_rejected(sending_t *s, const json_t *answer)
{
    size_t i;
    const json_t *each;

    json_array_foreach(json_object_get(answer, "errors"), i, each)
    {
        s->refused = true;

        if (s->shown++ < FAULTS_SHOWN) {
            (void) fprintf(stderr, "muttdev send: refused, %s: ",
                           print_member(each, "code"));
            (void) print_text(stderr, mutt_str(print_member(each, "message")));
            (void) fputc('\n', stderr);
        }
    }
}


static void
on_done(void *data, size_t events, long status, mutt_str_t body, double seconds,
        const char *error)
{
    sending_t *s = data;
    size_t accepted = 0;

    (void) seconds;
    s->sent += events;

    if (status == 200) {
        json_t *answer = json_loadb(body.data, body.len, 0, NULL);

        accepted =
            (size_t) json_integer_value(json_object_get(answer, "accepted"));
        show_rejected(s, answer);
        json_decref(answer);
    } else if (s->shown < FAULTS_SHOWN) {
        json_t *answer = json_loadb(body.data, body.len, 0, NULL);

        sender_complain(&muttdev_send, status, body, error);
        s->shown++;
        show_rejected(s, answer);
        json_decref(answer);
    }

    s->accepted += accepted;
    s->failed += events - accepted;
}


/* An event as it is sent; NULL with err filled where the record is none. */
static json_t *
make_event(const json_t *record, const char *at, mutt_err_t *err)
{
    if (!json_is_object(record)) {
        (void) mutt_fail(err, MUTT_INVALID, "is no object");
        return NULL;
    }

    json_t *event = json_copy((json_t *) record);

    if (strcmp(given.type, "trap") == 0 && !trap_complete(event, err)) {
        json_decref(event);
        return NULL;
    }

    if (json_object_get(event, "timestamp") == NULL) {
        (void) json_object_set_new(event, "timestamp", json_string(at));
    }

    return event;
}


/* Waits until as many may have been sent. */
static mutt_rc_t
hold_back(const sending_t *s, sender_t *sender, size_t begun, mutt_err_t *err)
{
    mutt_rc_t rc = MUTT_OK;

    while (rc == MUTT_OK && given.rate > 0 &&
           (double) begun > (now() - s->started) * (double) given.rate) {
        rc = sender_turn(sender, SLICE_MS, err);
        (void) poll(NULL, 0, 1);
    }

    return rc;
}


static mutt_rc_t
send_lot(const sending_t *s, sender_t *sender, json_t *lot, size_t begun,
         mutt_err_t *err)
{
    mutt_rc_t rc = MUTT_OK;
    char *text = json_dumps(lot, JSON_COMPACT);

    if (text == NULL) {
        return mutt_fail(err, MUTT_NOMEM, "out of memory");
    }

    if (given.dry) {
        (void) printf("%s\n", text);
    } else {
        rc = hold_back(s, sender, begun, err);
    }

    if (rc == MUTT_OK && !given.dry) {
        rc = sender_put(sender, mutt_str(text), json_array_size(lot), err);
    }

    free(text);

    return rc;
}


static mutt_rc_t
send_all(sending_t *s, sender_t *sender, const json_t *events, mutt_err_t *err)
{
    char at[MUTT_TIME_LEN + 1];
    json_t *lot = json_array();
    mutt_rc_t rc = MUTT_OK;
    size_t i;
    const json_t *record;

    mutt_time_format(mutt_time_now(), at);
    s->started = now();

    json_array_foreach(events, i, record)
    {
        mutt_err_t why = { 0 };
        json_t *event = make_event(record, at, &why);

        if (event == NULL) {
            rc = mutt_fail(err, MUTT_INVALID, "record %zu %.200s", i + 1,
                           why.text);
            break;
        }

        (void) json_array_append_new(lot, event);

        if (json_array_size(lot) == (size_t) given.batch ||
            i + 1 == json_array_size(events)) {
            rc = send_lot(s, sender, lot, i + 1 - json_array_size(lot), err);
            (void) json_array_clear(lot);
        }

        if (rc != MUTT_OK) {
            break;
        }
    }

    json_decref(lot);

    return rc == MUTT_OK && !given.dry ? sender_finish(sender, err) : rc;
}


static int
report(const sending_t *s)
{
    double seconds = now() - s->started;
    json_t *all =
        json_pack("{s:I, s:I, s:I, s:f}", "sent", (json_int_t) s->sent,
                  "accepted", (json_int_t) s->accepted, "failed",
                  (json_int_t) s->failed, "duration_sec", seconds);

    if (s->options->json) {
        (void) print_json(all, true);
    } else {
        (void) printf("sent %zu, accepted %zu, failed %zu in %.1f s\n", s->sent,
                      s->accepted, s->failed, seconds);
    }

    json_decref(all);

    if (s->refused && strcmp(given.type, "trap") != 0) {
        (void) fprintf(stderr,
                       "muttdev send: \"muttdev rules test %s\" tells of each "
                       "event what is wrong with it\n",
                       s->options->words[0]);
    }

    return s->failed == 0 ? MUTTDEV_DONE : MUTTDEV_FAILED;
}


static int
go(sending_t *s)
{
    mutt_err_t err = { 0 };
    json_t *events = events_read(s->options->words[0], &err);
    sender_t *sender = NULL;
    int status = MUTTDEV_DONE;

    if (events != NULL && !given.dry) {
        sender =
            sender_create(s->options, PARALLEL, given.gzip, on_done, s, &err);
    }

    if (err.rc == MUTT_OK) {
        (void) send_all(s, sender, events, &err);
    }

    if (err.rc == MUTT_OK && !given.dry) {
        status = report(s);
    } else if (err.rc != MUTT_OK) {
        status = api_failed(&muttdev_send, &err);
    }

    sender_destroy(sender);
    json_decref(events);

    return status;
}


static int
run(const options_t *options)
{
    sending_t s = { .options = options };

    if (strcmp(given.type, "syslog") != 0 && strcmp(given.type, "trap") != 0) {
        return options_wrong(&muttdev_send, "--type wants syslog or trap");
    }

    return go(&s);
}
