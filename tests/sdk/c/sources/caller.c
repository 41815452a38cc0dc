/* A job that calls an operation over and over. */
#define PERDURE_IMPLEMENTATION
#include "perdure.h"

PERDURE_EXTENSION("caller", "Caller", "0.1.0");

typedef struct {
    unsigned calls;
    unsigned long long seen;
} caller_state;
PERDURE_STATE(caller_state, calls, seen);

static perdure_result caller(perdure_ctx *ctx, caller_state *state) {
    for (unsigned call = 0; call < state->calls; call++) {
        perdure_answer answer;
        if (!perdure_call(ctx, &answer, "query:any.thing", "{'call': %u, 'text': %s}", call, "some text")) continue;
        const char *text = perdure_get_text(&answer, "text");
        if (text == NULL) continue;
        state->seen += __builtin_strlen(text);
        perdure_log(PERDURE_DEBUG, "%s", text);
    }
    return PERDURE_COMPLETED;
}
PERDURE_JOB(caller, caller_state);
