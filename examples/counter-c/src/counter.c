/* Five jobs, one for each thing that a job can do: the same in every language that perdure has an SDK for. */
#define PERDURE_IMPLEMENTATION
#include "perdure.h"

PERDURE_EXTENSION("counter-c", "Counter (C)", "0.1.0",
    "description": "Counts, warns, fails, writes notes and trespasses.",
    "author": "The perdure authors",
    "permissions": {"methods": ["query:vdfs.read_sidecar", "action:vdfs.write_sidecar"]});

static bool ready(void) {
    perdure_log(PERDURE_INFO, "counter ready");
    return true;
}
PERDURE_INIT(ready);

/* Counts to a target. Killed on the way, it goes on from its last checkpoint. */
typedef struct {
    long long current, target;
} counter_state;
PERDURE_STATE(counter_state, current, target);

static perdure_result counter(perdure_ctx *ctx, counter_state *state) {
    while (state->current < state->target) {
        if (perdure_check_interrupt(ctx)) return PERDURE_INTERRUPTED;
        state->current++;
        double done = (double)state->current / (double)state->target;
        perdure_report_progress(ctx, done, "Counted %lld/%lld", state->current, state->target);
        perdure_increment_items(ctx, 1);
        perdure_increment_bytes(ctx, 8);
        perdure_checkpoint(ctx);
    }
    return PERDURE_COMPLETED;
}
PERDURE_JOB(counter, counter_state);

/* Warnings, and lines of every level. */
typedef struct {
    long long count;
} warner_state;
PERDURE_STATE(warner_state, count);

static perdure_result warner(perdure_ctx *ctx, warner_state *state) {
    perdure_log(PERDURE_INFO, "Warning %lld times", state->count);
    for (long long i = 1; i <= state->count; i++) {
        perdure_add_warning(ctx, "Warning %lld", i);
        perdure_log((perdure_level)((i - 1) % 4), "line %lld", i);
    }
    return PERDURE_COMPLETED;
}
PERDURE_JOB(warner, warner_state);

/* Fails as it is told. */
typedef struct {
    const char *message;
} failing_state;
PERDURE_STATE(failing_state, message);

static perdure_result failing(perdure_ctx *ctx, failing_state *state) {
    perdure_report_progress(ctx, 0.5, "About to fail");
    return perdure_fail(ctx, "%s", state->message);
}
PERDURE_JOB(failing, failing_state);

/* Writes a note beside an entry, and reads it back. */
typedef struct {
    const char *path, *note;
} noter_state;
PERDURE_STATE(noter_state, path, note);

static perdure_result noter(perdure_ctx *ctx, noter_state *state) {
    perdure_answer written, read;
    const char *text = perdure_format_json(ctx, "{'note': %s}", state->note);
    if (text == NULL) return perdure_fail(ctx, "the note is too large, or no UTF-8");
    if (!perdure_call(ctx, &written, "action:vdfs.write_sidecar",
                      "{'entry_id': %s, 'name': 'note', 'media_type': 'application/json', 'text': %s}",
                      state->path, text)) {
        return perdure_fail_call(ctx, &written);
    }
    if (!perdure_call(ctx, &read, "query:vdfs.read_sidecar", "{'entry_id': %s, 'name': 'note', 'text': true}",
                      state->path)) {
        return perdure_fail_call(ctx, &read);
    }
    if (!perdure_json_equals(perdure_get(&read, "text"), text)) return perdure_fail(ctx, "the note came back changed");
    return PERDURE_COMPLETED;
}
PERDURE_JOB(noter, noter_state);

/* Tries what the manifest does not ask for. The name is made of two parts, so that `perdure build` lets it pass. */
static perdure_result trespasser(perdure_ctx *ctx, perdure_no_state *state) {
    (void)state;
    perdure_answer answer;
    const char *method = perdure_format(ctx, "%s:%s", "query", "credentials.get");
    if (perdure_call(ctx, &answer, method, "{'id': 'mail'}")) return perdure_fail(ctx, "nobody stopped it");
    if (answer.code != PERDURE_PERMISSION_DENIED) return perdure_fail_call(ctx, &answer);
    perdure_log(PERDURE_INFO, "denied: %s", answer.code_name);
    perdure_add_warning(ctx, "denied");
    return PERDURE_COMPLETED;
}
PERDURE_JOB(trespasser, perdure_no_state);
