#include "mutt_pressure.h"

#include <stdbool.h>


int64_t
mutt_pressure_end(int64_t threshold)
{
    return threshold / 10 * 9 + threshold % 10 * 9 / 10;
}


static bool
presses(int64_t depth, int64_t threshold, bool already)
{
    return depth > (already ? mutt_pressure_end(threshold) : threshold);
}


mutt_pressure_t
mutt_pressure_at(mutt_pressure_t before, int64_t depth,
                 const mutt_pressure_limits_t *limits)
{
    if (presses(depth, limits->shed, before == MUTT_PRESSURE_SHED)) {
        return MUTT_PRESSURE_SHED;
    }

    if (presses(depth, limits->warn, before != MUTT_PRESSURE_NONE)) {
        return MUTT_PRESSURE_WARN;
    }

    return MUTT_PRESSURE_NONE;
}
