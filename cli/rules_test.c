/* muttdev rules test: which rule wins for events, by the alerter's own
 * matcher, and why. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "client.h"
#include "core/mutt_pool.h"
#include "domain/mutt_event.h"
#include "domain/mutt_trial.h"
#include "events.h"

#define PRIORITY 100
#define EVENT_BYTES 262144
#define MESSAGE_BYTES 65536
#define OUT_BYTES (1u << 20)
#define POOL 65536

static int run(const options_t *options);

static const char *rules_file;

static const option_t takes[] = {
    { "rules", 0, OPTION_TEXT, &rules_file, 0, 0 },
    { 0 },
};

const muttdev_command_t muttdev_rules_test = {
    .name = "rules test",
    .synopsis = "FILE [--rules FILE]",
    .summary = "which rule wins for the events of a file, and why",
    .help =
        "\nFILE has events as ingest takes them: an object, an array, or one a "
        "line; -\nis stdin. They are read and matched by the code of ingest "
        "and alerter, with\nthe rules and development hosts of the API, or of "
        "--rules, a file of \"rules\nexport\" or an array of rules. Nothing is "
        "sent. Exit status 1 when ingest\nwould refuse one of the "
        "events.\n" OPTIONS_HELP,
    .own = takes,
    .run = run,
};

typedef struct {
    mutt_rule_t *rules;
    mutt_trial_t **trials;
    size_t n;
    const json_t *dev_hosts;
    mutt_matcher_t *matcher;
    mutt_json_reader_t *reader;
    mutt_pool_t *pool;
    mutt_buf_t out;
    bool json;
} bench_t;


static void
tell_rule(void *data, int32_t rule_id, const char *why)
{
    (void) data;
    (void) fprintf(stderr, "muttdev rules test: rule %d: %s\n", rule_id, why);
}


static mutt_str_t
text_of(const json_t *rule, const char *name)
{
    return mutt_str(json_string_value(json_object_get(rule, name)));
}


static int
severity_of(const json_t *rule)
{
    const json_t *value = json_object_get(rule, "syslog_severity");

    return json_is_integer(value)
               ? (int) json_integer_value(value)
               : mutt_severity_parse(mutt_str(json_string_value(value)));
}


static int32_t
number_of(const json_t *rule, const char *name, int32_t otherwise)
{
    const json_t *value = json_object_get(rule, name);

    return json_is_integer(value) ? (int32_t) json_integer_value(value)
                                  : otherwise;
}


/* Reads a rule; why not, or NULL. */
static const char *
read_rule(const json_t *from, int32_t id, mutt_rule_t *rule)
{
    mutt_str_t type = text_of(from, "match_type");

    *rule = (mutt_rule_t) {
        .id = number_of(from, "id", id),
        .priority = number_of(from, "priority", PRIORITY),
        .match_string = text_of(from, "match_string"),
        .trap_oid = text_of(from, "trap_oid"),
        .severity = severity_of(from),
        .team = text_of(from, "team_assignment"),
    };

    if (type.len > 0 && !mutt_match_type_parse(type, &rule->type)) {
        return "match_type is none of contains, regex, oid_prefix";
    }

    if (!mutt_handling_parse(text_of(from, "prod_handling"), &rule->prod) ||
        !mutt_handling_parse(text_of(from, "dev_handling"), &rule->dev)) {
        return "prod_handling or dev_handling is no handling";
    }

    return mutt_rule_fault(rule);
}


/* The active rules, compiled; false with err filled. */
static bool
load_rules(bench_t *b, const json_t *from, mutt_err_t *err)
{
    const json_t *list =
        json_is_array(from) ? from : json_object_get(from, "rules");
    size_t i;
    const json_t *each;

    if (!json_is_array(list)) {
        (void) mutt_fail(err, MUTT_INVALID, "there are no \"rules\"");
        return false;
    }

    b->dev_hosts = json_object_get(from, "dev_hosts");
    b->rules = calloc(json_array_size(list) + 1, sizeof(mutt_rule_t));
    b->trials = calloc(json_array_size(list) + 1, sizeof(mutt_trial_t *));

    json_array_foreach(list, i, each)
    {
        if (b->rules == NULL || b->trials == NULL) {
            break;
        }

        if (json_is_false(json_object_get(each, "is_active"))) {
            continue;
        }

        const char *why = read_rule(each, (int32_t) i + 1, &b->rules[b->n]);

        if (why != NULL) {
            (void) mutt_fail(err, MUTT_INVALID, "rule %zu of the list: %s",
                             i + 1, why);
            return false;
        }

        b->trials[b->n] = mutt_trial_create(&b->rules[b->n]);
        b->n++;
    }

    if (b->rules == NULL || b->trials == NULL) {
        (void) mutt_fail(err, MUTT_NOMEM, "out of memory");
        return false;
    }

    return mutt_matcher_create(b->rules, b->n, tell_rule, NULL, &b->matcher,
                               err) == MUTT_OK;
}


/* The event as the alerter would read it, after ingest took it. */
static bool
read_event(bench_t *b, const json_t *from, mutt_event_t *event, mutt_err_t *err)
{
    static const char id[] = "01930000-0000-7000-8000-000000000000";
    mutt_event_limits_t limits = {
        .max_event_bytes = EVENT_BYTES,
        .max_message_bytes = MESSAGE_BYTES,
        .required = { MUTT_STR("hostname"), MUTT_STR("message"),
                      MUTT_STR("timestamp") },
        .n_required = 3,
    };
    mutt_event_meta_t meta = {
        .shared = MUTT_STR("\",\"_correlation_id\":\"test\","
                           "\"_received_at\":\"2026-01-01T00:00:00.000000Z\","
                           "\"_source\":\"0\""),
    };
    mutt_event_fault_t fault = { 0 };
    bool own_id;
    char *text = json_dumps(from, JSON_COMPACT | JSON_ENCODE_ANY);

    (void) mutt_uuid_parse(mutt_str(id), &meta.new_id);
    mutt_pool_reset(b->pool);
    mutt_buf_reset(&b->out);

    mutt_rc_t rc = mutt_event_admit(b->reader, mutt_str(text), &limits, &meta,
                                    &b->out, &own_id, &fault);

    free(text);

    if (rc == MUTT_INVALID) {
        rc = fault.n_fields > 0
                 ? mutt_fail(err, rc, "%s %s", fault.fields[0].name,
                             fault.fields[0].reason)
                 : mutt_fail(err, rc, "it is no event");
    }

    return rc == MUTT_OK && mutt_event_read(b->reader, mutt_buf_str(&b->out),
                                            b->pool, event, err) == MUTT_OK;
}


static bool
is_dev(const bench_t *b, mutt_str_t hostname)
{
    size_t i;
    const json_t *host;

    json_array_foreach(b->dev_hosts, i, host)
    {
        if (mutt_str_eq_nocase(text_of(host, "hostname"), hostname)) {
            return true;
        }
    }

    return false;
}


/* "its text is in the message", by what the rule looked at. */
static const char *
why_of(const mutt_rule_t *rule, const mutt_event_t *event)
{
    if (event->trap_oid.len > 0 && rule->trap_oid.len > 0) {
        return "the trap's OID is at or below its trap_oid";
    }

    return rule->type == MUTT_MATCH_REGEX
               ? "its regular expression is found in the message"
               : "its match_string is found in the message";
}


/* The ids of other rules that match, and how often each reason is not to. */
static json_t *
others_of(const bench_t *b, const mutt_rule_t *winner,
          const mutt_match_input_t *input, json_t *not_matching)
{
    json_t *others = json_array();

    for (size_t i = 0; i < b->n; i++) {
        mutt_trial_result_t result = b->trials[i] == NULL
                                         ? MUTT_TRIAL_BROKEN
                                         : mutt_trial(b->trials[i], input);

        if (result == MUTT_TRIAL_MATCH && b->rules[i].id != winner->id) {
            (void) json_array_append_new(others, json_integer(b->rules[i].id));
        } else if (result != MUTT_TRIAL_MATCH) {
            const char *text = mutt_trial_text(result);
            json_int_t n =
                json_integer_value(json_object_get(not_matching, text));

            (void) json_object_set_new(not_matching, text, json_integer(n + 1));
        }
    }

    return others;
}


static json_t *
describe(bench_t *b, const mutt_event_t *event)
{
    static const mutt_rule_t nobody = { .id = -1 };
    mutt_match_input_t input = {
        .message = event->message,
        .trap_oid = event->trap_oid,
        .severity = event->severity,
    };
    bool dev = is_dev(b, event->hostname);
    const mutt_rule_t *winner =
        mutt_matcher_match(b->matcher, &input, tell_rule, NULL);
    json_t *not_matching = json_object();
    json_t *others =
        others_of(b, winner == NULL ? &nobody : winner, &input, not_matching);
    json_t *all =
        json_pack("{s:s%, s:s, s:o, s:o}", "hostname", event->hostname.data,
                  event->hostname.len, "environment", dev ? "dev" : "prod",
                  "also_matching", others, "not_matching", not_matching);

    if (winner == NULL) {
        (void) json_object_set_new(all, "winner", json_null());
        (void) json_object_set_new(all, "decision", json_string("Unhandled"));
        return all;
    }

    (void) json_object_set_new(
        all, "winner",
        json_pack("{s:i, s:i, s:s%, s:s%, s:s%}", "id", winner->id, "priority",
                  winner->priority, "match_string", winner->match_string.data,
                  winner->match_string.len, "trap_oid", winner->trap_oid.data,
                  winner->trap_oid.len, "team", winner->team.data,
                  winner->team.len));
    (void) json_object_set_new(all, "why", json_string(why_of(winner, event)));
    (void) json_object_set_new(
        all, "decision",
        json_string(mutt_handling_name(dev ? winner->dev : winner->prod)));

    return all;
}


static void
show_words(const char *title, const char *text)
{
    (void) fputs(title, stdout);
    (void) print_text(stdout, mutt_str(text));
}


static void
show(size_t i, const json_t *about)
{
    const char *name;
    const json_t *n;
    const json_t *also = json_object_get(about, "also_matching");

    (void) printf("event %zu", i + 1);
    show_words(" of ", print_member(about, "hostname"));
    (void) printf(" (%s): %s", print_member(about, "environment"),
                  print_member(about, "decision"));

    if (json_is_null(json_object_get(about, "winner"))) {
        (void) printf(", no rule matches\n");

        json_object_foreach((json_t *) json_object_get(about, "not_matching"),
                            name, n)
        {
            (void) printf("  %s (%" JSON_INTEGER_FORMAT ")\n", name,
                          json_integer_value(n));
        }

        return;
    }

    show_words(", team ", print_member(about, "winner.team"));
    (void) printf(
        "\n  rule %s wins, priority %s: %s", print_member(about, "winner.id"),
        print_member(about, "winner.priority"), print_member(about, "why"));
    show_words(": ", print_member(about, strncmp(print_member(about, "why"),
                                                 "the trap", 8) == 0
                                             ? "winner.trap_oid"
                                             : "winner.match_string"));
    (void) putchar('\n');

    if (json_array_size(also) > 0) {
        show_words("  behind it match too: ",
                   print_member(about, "also_matching"));
        (void) putchar('\n');
    }
}


static int
test_all(bench_t *b, const json_t *events)
{
    int status = MUTTDEV_DONE;
    size_t i;
    const json_t *each;

    json_array_foreach(events, i, each)
    {
        mutt_event_t event;
        mutt_err_t err = { 0 };
        json_t *about;

        if (read_event(b, each, &event, &err)) {
            about = describe(b, &event);
        } else {
            about = json_pack("{s:s}", "refused", err.text);
            status = MUTTDEV_FAILED;
        }

        (void) json_object_set_new(about, "index",
                                   json_integer((json_int_t) i));

        if (b->json) {
            (void) print_json(about, true);
        } else if (json_object_get(about, "refused") != NULL) {
            (void) printf("event %zu: ingest would refuse it: ", i + 1);
            show_words("", print_member(about, "refused"));
            (void) putchar('\n');
        } else {
            show(i, about);
        }

        json_decref(about);
    }

    return status;
}


static void
clean_up(bench_t *b)
{
    for (size_t i = 0; b->trials != NULL && i < b->n; i++) {
        mutt_trial_destroy(b->trials[i]);
    }

    free(b->trials);
    free(b->rules);
    mutt_matcher_destroy(b->matcher);
    mutt_json_reader_destroy(b->reader);
    mutt_pool_destroy(b->pool);
    mutt_buf_done(&b->out);
}


static int
run(const options_t *options)
{
    mutt_err_t err = { 0 };
    bench_t b = {
        .reader = mutt_json_reader_create(),
        .pool = mutt_pool_create(POOL),
        .json = options->json,
    };
    json_t *events = events_read(options->words[0], &err);
    json_t *rules = NULL;

    mutt_buf_init(&b.out, OUT_BYTES);

    if (events != NULL) {
        rules = rules_file != NULL
                    ? events_document(rules_file, &err)
                    : client_json(options, "GET", "rules/export", NULL, &err);
    }

    if (b.reader == NULL || b.pool == NULL) {
        (void) mutt_fail(&err, MUTT_NOMEM, "out of memory");
    }

    int status = err.rc == MUTT_OK && load_rules(&b, rules, &err)
                     ? test_all(&b, events)
                     : api_failed(&muttdev_rules_test, &err);

    clean_up(&b);
    json_decref(rules);
    json_decref(events);

    return status;
}
