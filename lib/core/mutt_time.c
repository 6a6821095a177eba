#include "mutt_time.h"

#include <stdio.h>
#include <time.h>

#define DAY_SEC INT64_C(86400)
#define EPOCH_MILLIS_FROM 1e11

/* the first moment of the year 10000 */
#define USEC_END (INT64_C(253402300800) * MUTT_USEC_SEC)


/* Days from 1970-01-01 to a civil date; H. Hinnant, chrono-Compatible
 * Low-Level Date Algorithms. */
static int64_t
days_from_civil(int64_t y, int m, int d)
{
    y -= m <= 2;

    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

    return era * 146097 + doe - 719468;
}


void
mutt_time_civil(mutt_usec_t at, int *year, int *month, int *day)
{
    int64_t sec = at / MUTT_USEC_SEC - (at % MUTT_USEC_SEC < 0);
    int64_t z = sec / DAY_SEC - (sec % DAY_SEC < 0) + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;

    *day = (int) (doy - (153 * mp + 2) / 5 + 1);
    *month = (int) (mp < 10 ? mp + 3 : mp - 9);
    *year = (int) (yoe + era * 400 + (*month <= 2));
}


mutt_usec_t
mutt_time_month(int year, int month)
{
    int months = year * 12 + month - 1;

    return days_from_civil(months / 12, months % 12 + 1, 1) * DAY_SEC *
           MUTT_USEC_SEC;
}


static int
month_days(int year, int month)
{
    static const int days[] = {
        31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
    };
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return days[month - 1] + (month == 2 && leap);
}


/* Reads exactly n digits and moves *p past them. */
static bool
digits(const char **p, const char *end, int n, int *value)
{
    int v = 0;

    if (end - *p < n) {
        return false;
    }

    for (int i = 0; i < n; i++) {
        char c = (*p)[i];

        if (c < '0' || c > '9') {
            return false;
        }

        v = v * 10 + (c - '0');
    }

    *p += n;
    *value = v;

    return true;
}


static bool
literal(const char **p, const char *end, const char *choices)
{
    for (; *p < end && *choices != '\0'; choices++) {
        if (**p == *choices) {
            (*p)++;
            return true;
        }
    }

    return false;
}


/* ".123": at most nine digits, the first six count. */
static bool
fraction(const char **p, const char *end, mutt_usec_t *usec)
{
    mutt_usec_t unit = MUTT_USEC_SEC;
    int n = 0;

    *usec = 0;

    if (!literal(p, end, ".")) {
        return true;
    }

    for (; *p < end && **p >= '0' && **p <= '9'; (*p)++, n++) {
        unit /= 10;
        *usec += (**p - '0') * unit;
    }

    return n >= 1 && n <= 9;
}


/* "Z" or "+hh:mm"; seconds east of Greenwich. */
static bool
zone(const char **p, const char *end, int64_t *east)
{
    int h;
    int m;

    *east = 0;

    if (literal(p, end, "Zz")) {
        return true;
    }

    if (*p == end) {
        return false;
    }

    char sign = **p;

    if (!literal(p, end, "+-") || !digits(p, end, 2, &h) ||
        !literal(p, end, ":") || !digits(p, end, 2, &m) || h > 23 || m > 59) {
        return false;
    }

    *east = (h * 3600 + m * 60) * (sign == '-' ? -1 : 1);

    return true;
}


static bool
in_years(mutt_usec_t at)
{
    return at >= 0 && at < USEC_END;
}


bool
mutt_time_parse(mutt_str_t text, mutt_usec_t *at)
{
    const char *p = text.data;
    const char *end = text.data + text.len;
    int year;
    int month;
    int day;
    int hour;
    int minute;
    int second;
    mutt_usec_t usec;
    int64_t east;

    bool shaped = digits(&p, end, 4, &year) && literal(&p, end, "-") &&
                  digits(&p, end, 2, &month) && literal(&p, end, "-") &&
                  digits(&p, end, 2, &day) && literal(&p, end, "Tt ") &&
                  digits(&p, end, 2, &hour) && literal(&p, end, ":") &&
                  digits(&p, end, 2, &minute) && literal(&p, end, ":") &&
                  digits(&p, end, 2, &second) && fraction(&p, end, &usec) &&
                  zone(&p, end, &east) && p == end;

    if (!shaped || month < 1 || month > 12 || day < 1 || hour > 23 ||
        minute > 59 || second > 60 || day > month_days(year, month)) {
        return false;
    }

    int64_t sec = days_from_civil(year, month, day) * DAY_SEC + hour * 3600 +
                  minute * 60 + second - east;
    mutt_usec_t t = sec * MUTT_USEC_SEC + usec;

    if (!in_years(t)) {
        return false;
    }

    *at = t;

    return true;
}


bool
mutt_time_from_epoch(double number, mutt_usec_t *at)
{
    if (!(number >= 0) || number >= 1e15) {
        return false;
    }

    if (number >= EPOCH_MILLIS_FROM) {
        number /= 1000;
    }

    /* to the nearest: few decimal fractions are a double exactly */
    mutt_usec_t t = (mutt_usec_t) (number * (double) MUTT_USEC_SEC + 0.5);

    if (!in_years(t)) {
        return false;
    }

    *at = t;

    return true;
}


/* Writes n in so many digits. */
static void
put(char *out, int digits, unsigned n)
{
    for (int i = digits - 1; i >= 0; i--) {
        out[i] = (char) ('0' + n % 10);
        n /= 10;
    }
}


/* printf() for each event would cost more than reading it. */
void
mutt_time_format(mutt_usec_t at, char out[MUTT_TIME_LEN + 1])
{
    int year;
    int month;
    int day;

    if (!in_years(at)) {
        at = at < 0 ? 0 : USEC_END - 1;
    }

    mutt_time_civil(at, &year, &month, &day);

    unsigned sec = (unsigned) (at / MUTT_USEC_SEC % DAY_SEC);

    put(&out[0], 4, (unsigned) year);
    out[4] = '-';
    put(&out[5], 2, (unsigned) month);
    out[7] = '-';
    put(&out[8], 2, (unsigned) day);
    out[10] = 'T';
    put(&out[11], 2, sec / 3600);
    out[13] = ':';
    put(&out[14], 2, sec / 60 % 60);
    out[16] = ':';
    put(&out[17], 2, sec % 60);
    out[19] = '.';
    put(&out[20], 6, (unsigned) (at % MUTT_USEC_SEC));
    out[26] = 'Z';
    out[27] = '\0';
}


static mutt_usec_t
read_clock(clockid_t clock)
{
    struct timespec ts;

    (void) clock_gettime(clock, &ts);

    return (mutt_usec_t) ts.tv_sec * MUTT_USEC_SEC + ts.tv_nsec / 1000;
}


mutt_usec_t
mutt_time_now(void)
{
    return read_clock(CLOCK_REALTIME);
}


mutt_usec_t
mutt_time_mono(void)
{
    return read_clock(CLOCK_MONOTONIC);
}
