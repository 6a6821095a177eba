/* Alerts as they lie in the alert queue: CONTRACT 5.2 and 5.3. */

#ifndef MUTT_ALERT_H
#define MUTT_ALERT_H

#include <stdint.h>

#include "core/mutt_buf.h"
#include "core/mutt_uuid.h"
#include "mutt_event.h"
#include "mutt_rule.h"

/* Appends the alert that rule raises from event; dev tells which handling. */
void mutt_alert_write(mutt_buf_t *out, const mutt_event_t *event,
                      const mutt_rule_t *rule, bool dev);

/* What a meta-alert tells. */
typedef struct {
    mutt_uuid_t id;
    mutt_str_t received_at;
    mutt_str_t team;
    mutt_str_t host;
    mutt_str_t sample; /* message of the newest of them */
    int64_t expiry_s;
} mutt_meta_t;

/*
 * Appends a meta-alert's JSON up to its count to head, and what follows the
 * count to tail.
 */
void mutt_alert_write_meta(mutt_buf_t *head, mutt_buf_t *tail,
                           const mutt_meta_t *meta);

/* The alert severity of a syslog severity: "Critical" ... "Info". */
const char *mutt_alert_severity(int syslog_severity);

/* The webhook's number of a severity's name, 0..5; Warning for others. */
int mutt_alert_severity_number(mutt_str_t name);

/*
 * Appends raw as a dead letter that holds no event: {"_failed_at",
 * "_failed_reason", "raw"}; bytes that are not UTF-8, or whose escapes would be
 * more than Redis takes, go to "raw_base64".
 */
void mutt_alert_write_malformed(mutt_buf_t *out, mutt_str_t raw,
                                const char *failed_at, const char *reason);

/*
 * Appends element, an item that begins as queue elements do, with attempts,
 * _failed_at and _failed_reason set anew.
 */
void mutt_alert_write_failed(mutt_buf_t *out, mutt_str_t element,
                             int64_t attempts, const char *failed_at,
                             const char *reason);

/*
 * Appends element, which event was read from and which is shed, with its
 * attempts as they were and the depth and the threshold of the alert queue
 * in shedding_reason.  The replay that brought it, if one did, is taken back:
 * it came to nothing for want of room, which is not the event's failure.
 */
void mutt_alert_write_shed(mutt_buf_t *out, mutt_str_t element,
                           const mutt_event_t *event, const char *failed_at,
                           int64_t depth, int64_t threshold);

#endif
