/* The Redis names of one worker's queues, derived once from the settings. */

#ifndef MUTT_QUEUE_NAMES_H
#define MUTT_QUEUE_NAMES_H

#include "conf/mutt_settings.h"
#include "core/mutt_str.h"

#define MUTT_NAME_SIZE 256

/* seconds that mutt:heartbeat:{kind}:{pod} lives */
#define MUTT_HEARTBEAT_TTL "30"

typedef struct {
    char id[MUTT_NAME_SIZE]; /* kind:pod */
    char processing[MUTT_NAME_SIZE];
    char heartbeat[MUTT_NAME_SIZE];
    char bell[MUTT_NAME_SIZE]; /* of the kind: what a doorbell has lifted */
    mutt_str_t source;
    mutt_str_t dlq;
    int64_t max_attempts; /* -1: a crash is no attempt of the item */
} mutt_queue_names_t;

/*
 * Names of the worker kind:pod.  Alerters claim from the ingest queue and a
 * crash counts as an attempt of what they held; forwarders claim from the
 * alert queue and only an answer of the webhook counts.
 */
void mutt_queue_names(const mutt_settings_t *settings, const char *kind,
                      const char *pod, mutt_queue_names_t *names);

#endif
