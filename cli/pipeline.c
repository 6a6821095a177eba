#include "pipeline.h"

#include <stdio.h>
#include <string.h>

#include "api.h"
#include "core/mutt_time.h"

/* what people call the queues */
static const struct {
    const char *name;
    const char *title;
} titles[] = {
    { "ingest", "events for the alerter" },
    { "alert", "alerts for the webhook" },
    { "alerter", "dead letters: events" },
    { "moog", "dead letters: alerts" },
    { "dead", "dead letters for people" },
};


static const char *
title_of(const char *name)
{
    for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++) {
        if (strcmp(titles[i].name, name) == 0) {
            return titles[i].title;
        }
    }

    return "";
}


/* How long ago a moment was; "-" for none. */
static const char *
age_of(const json_t *value, const char *member)
{
    mutt_usec_t at;

    if (!mutt_time_parse(mutt_str(print_member(value, member)), &at)) {
        return "-";
    }

    return print_duration((double) (mutt_time_now() - at) / MUTT_USEC_SEC);
}


static void
show_queues(const json_t *status)
{
    const json_t *retry = json_object_get(status, "retry");
    double next = json_number_value(json_object_get(retry, "next_at")) / 1e3;
    size_t i;
    const json_t *queue;

    (void) printf("%-8s %10s  %-10s\n", "QUEUE", "DEPTH", "OLDEST");

    json_array_foreach(json_object_get(status, "queues"), i, queue)
    {
        const char *name = print_member(queue, "name");

        (void) printf("%-8s %10s  %-10s %s\n", name,
                      print_member(queue, "depth"), age_of(queue, "oldest"),
                      title_of(name));
    }

    (void) printf(
        "%-8s %10s  %-10s delayed retries%s%s\n", "retry",
        print_member(retry, "depth"), "-", next > 0 ? ", the next in " : "",
        next > 0
            ? print_duration(next - (double) mutt_time_now() / MUTT_USEC_SEC)
            : "");
}


void
pipeline_show(const json_t *status)
{
    const json_t *breaker = json_object_get(status, "breaker");
    size_t i;
    const json_t *worker;

    show_queues(status);
    (void) printf("\nbreaker  %s, %s failures in a row\n\n",
                  print_member(breaker, "state"),
                  print_member(breaker, "failures"));

    json_array_foreach(json_object_get(status, "workers"), i, worker)
    {
        (void) printf("%-8s ", print_member(worker, "kind"));
        (void) print_text(stdout, mutt_str(print_member(worker, "pod")));
        (void) printf(", has %s in hand, %s\n", print_member(worker, "held"),
                      json_is_true(json_object_get(worker, "alive"))
                          ? "alive"
                          : "no sign of life for 30 s");
    }
}


API_COMMAND(queues, "queues", "", "depths, ages, breaker and workers", "", NULL,
            "GET", "status", NULL, NULL, NULL, pipeline_show)
