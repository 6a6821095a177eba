/* How the pipeline stands, as GET /api/v2/status has it, for people. */

#ifndef MUTT_CLI_PIPELINE_H
#define MUTT_CLI_PIPELINE_H

#include <jansson.h>

/* Queues with depth and age, retries, the breaker, workers with what they
 * have in hand. */
void pipeline_show(const json_t *status);

#endif
