/* The counter with perdure.h. */
#define PERDURE_IMPLEMENTATION
#include "perdure.h"

PERDURE_EXTENSION("measured", "Measured", "0.1.0");

/* the job */
typedef struct {
    long long current, target;
} counter_state;
PERDURE_STATE(counter_state, current, target);

static perdure_result counter(perdure_ctx *ctx, counter_state *state) {
    while (state->current < state->target) {
        if (perdure_check_interrupt(ctx)) return PERDURE_INTERRUPTED;
        state->current++;
        double fraction = (double)state->current / (double)state->target;
        perdure_report_progress(ctx, fraction, "Counted %lld/%lld", state->current, state->target);
        perdure_increment_items(ctx, 1);
        perdure_increment_bytes(ctx, 8);
        perdure_checkpoint(ctx);
    }
    return PERDURE_COMPLETED;
}
/* the end of the job */
PERDURE_JOB(counter, counter_state);
