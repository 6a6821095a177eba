#include "mutt_outcome.h"

#include <stdio.h>

#define HOUR_MS INT64_C(3600000)


mutt_outcome_t
mutt_outcome_of(mutt_send_t send, long status)
{
    if (send != MUTT_SEND_ANSWERED) {
        return MUTT_OUTCOME_RETRY;
    }

    if (status >= 200 && status < 300) {
        return MUTT_OUTCOME_DELIVERED;
    }

    switch (status) {
    case 401:
        return MUTT_OUTCOME_KEY;
    case 403:
    case 404:
        return MUTT_OUTCOME_CONFIG;
    case 408:
    case 425:
        return MUTT_OUTCOME_RETRY;
    case 429:
        return MUTT_OUTCOME_LIMITED;
    default:
        return status >= 500 ? MUTT_OUTCOME_RETRY : MUTT_OUTCOME_REFUSED;
    }
}


/* "Sun, 06 Nov 1994 08:49:37 GMT" */
static bool
http_date(mutt_str_t text, mutt_usec_t *at)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    char copy[40];
    char month[4];
    char iso[40];
    int day;
    int year;
    int h;
    int m;
    int s;

    if (text.len >= sizeof(copy)) {
        return false;
    }

    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';

    if (sscanf(copy, "%*3s, %2d %3s %4d %2d:%2d:%2d GMT", &day, month, &year,
               &h, &m, &s) != 6) {
        return false;
    }

    const char *found = strstr(months, month);

    if (found == NULL || (found - months) % 3 != 0) {
        return false;
    }

    (void) snprintf(iso, sizeof(iso), "%04d-%02d-%02dT%02d:%02d:%02dZ",
                    year % 10000, (int) (found - months) / 3 + 1, day % 100,
                    h % 100, m % 100, s % 100);

    return mutt_time_parse(mutt_str(iso), at);
}


int64_t
mutt_retry_after_ms(mutt_str_t text, mutt_usec_t now)
{
    int64_t seconds = 0;
    mutt_usec_t at;
    size_t i = 0;

    text = mutt_str_trim(text);

    for (; i < text.len && text.data[i] >= '0' && text.data[i] <= '9'; i++) {
        if (seconds < HOUR_MS) {
            seconds = seconds * 10 + (text.data[i] - '0');
        }
    }

    int64_t ms = 0;

    if (text.len > 0 && i == text.len) {
        ms = seconds * 1000;
    } else if (http_date(text, &at) && at > now) {
        ms = (at - now) / 1000;
    }

    return ms > HOUR_MS ? HOUR_MS : ms;
}


int64_t
mutt_retry_delay_ms(int64_t n, double first_s, double last_s, uint32_t random)
{
    double most = first_s;

    for (int64_t i = 0; i < n && most < last_s; i++) {
        most *= 2;
    }

    if (most > last_s) {
        most = last_s;
    }

    return (int64_t) (most * 1000.0 * ((double) random / 4294967295.0));
}
