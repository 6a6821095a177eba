#include "mutt_queue_names.h"

#include <stdio.h>

#include "domain/mutt_keys.h"


static void
join(char out[MUTT_NAME_SIZE], const char *prefix, const char *kind,
     const char *pod)
{
    (void) snprintf(out, MUTT_NAME_SIZE, "%s%.32s:%.160s", prefix, kind, pod);
}


void
mutt_queue_names(const mutt_settings_t *settings, const char *kind,
                 const char *pod, mutt_queue_names_t *names)
{
    bool alerter = strcmp(kind, "alerter") == 0;

    join(names->id, "", kind, pod);
    join(names->processing, mutt_keys[MUTT_KEY_PROCESSING], kind, pod);
    join(names->bell, mutt_keys[MUTT_KEY_PROCESSING], kind, "");
    join(names->heartbeat, mutt_keys[MUTT_KEY_HEARTBEAT], kind, pod);

    names->source =
        mutt_str(mutt_set_text(settings, alerter ? MUTT_SET_INGEST_QUEUE_NAME
                                                 : MUTT_SET_ALERT_QUEUE_NAME));
    names->dlq =
        mutt_str(mutt_set_text(settings, alerter ? MUTT_SET_ALERTER_DLQ_NAME
                                                 : MUTT_SET_MOOG_DLQ_NAME));
    names->max_attempts =
        alerter ? mutt_set_int(settings, MUTT_SET_ALERTER_MAX_RETRIES) : -1;
}
