#include "mutt_durable.h"

#include <string.h>


/* "slave0:ip=...,state=online,..." */
static bool
is_online_replica(mutt_str_t line)
{
    return line.len > 6 && memcmp(line.data, "slave", 5) == 0 &&
           line.data[5] >= '0' && line.data[5] <= '9' &&
           memmem(line.data, line.len, ",state=online,", 14) != NULL;
}


void
mutt_durable_info(mutt_durable_facts_t *facts, mutt_str_t info)
{
    bool enabled = false;
    bool written = true;

    *facts = (mutt_durable_facts_t) { .fsync = facts->fsync };

    while (info.len > 0) {
        const char *end = memchr(info.data, '\n', info.len);
        size_t n = end == NULL ? info.len : (size_t) (end - info.data) + 1;
        mutt_str_t line = mutt_str_trim((mutt_str_t) { info.data, n });

        info = (mutt_str_t) { info.data + n, info.len - n };

        if (mutt_str_eq(line, MUTT_STR("aof_enabled:1"))) {
            enabled = true;
        } else if (mutt_str_eq(line, MUTT_STR("aof_last_write_status:err"))) {
            written = false;
        } else if (mutt_str_eq(line, MUTT_STR("maxmemory_policy:noeviction"))) {
            facts->noeviction = true;
        } else if (mutt_str_eq(line, MUTT_STR("role:slave"))) {
            facts->replica = true;
        } else if (is_online_replica(line)) {
            facts->replicas++;
        }
    }

    facts->aof = enabled && written;
}


mutt_fsync_t
mutt_durable_fsync(mutt_str_t value, mutt_str_t on_rewrite)
{
    if (mutt_str_eq(value, MUTT_STR("always"))) {
        return mutt_str_eq(on_rewrite, MUTT_STR("yes")) ? MUTT_FSYNC_EVERYSEC
                                                        : MUTT_FSYNC_ALWAYS;
    }

    if (mutt_str_eq(value, MUTT_STR("everysec"))) {
        return MUTT_FSYNC_EVERYSEC;
    }

    return mutt_str_eq(value, MUTT_STR("no")) ? MUTT_FSYNC_NO
                                              : MUTT_FSYNC_UNKNOWN;
}


mutt_durable_t
mutt_durable_level(const mutt_durable_facts_t *facts)
{
    if (!facts->aof || !facts->noeviction || facts->fsync == MUTT_FSYNC_NO) {
        return MUTT_DURABLE_NONE;
    }

    return facts->fsync == MUTT_FSYNC_ALWAYS ? MUTT_DURABLE_FSYNC
                                             : MUTT_DURABLE_MEMORY;
}


const char *
mutt_durable_name(mutt_durable_t level)
{
    static const char *const names[] = { "none", "memory", "fsync", "replica" };

    return names[level];
}
