/* Every job of the example, with memory that runs out at each of its allocations in turn; and 100,000 calls. */
#include "examples/counter-c/src/counter.c"

typedef struct {
    long long calls, seen;
} caller_state;
PERDURE_STATE(caller_state, calls, seen);

static perdure_result caller(perdure_ctx *ctx, caller_state *state) {
    size_t most = 0;
    for (long long call = 0; call < state->calls; call++) {
        perdure_answer answer; /* a variable of its own for each call, as most people write it */
        if (!perdure_call(ctx, &answer, "query:any.thing", "{'call': %lld}", call)) return perdure_fail_call(ctx, &answer);
        const char *text = perdure_get_text(&answer, "inner.text");
        if (text == NULL) return perdure_fail(ctx, "no text");
        state->seen += (long long)__builtin_strlen(text);
        if (call == 10) most = perdure_test_allocated();
        if (call > 10 && perdure_test_allocated() > most) return perdure_fail(ctx, "it grows");
    }
    return PERDURE_COMPLETED;
}
PERDURE_JOB(caller, caller_state);

static void arrange(void) {
    perdure_test_answer("action:vdfs.write_sidecar", "{}");
    perdure_test_answer("query:vdfs.read_sidecar", "{\"text\": \"{\\\"note\\\":\\\"milk\\\"}\"}");
    perdure_test_answer("query:credentials.get", "{\"error\": \"no\", \"code\": \"permission_denied\"}");
    perdure_test_answer("query:any.thing", "{\"inner\": {\"text\": \"four\"}}");
}

static void exhaust(const perdure_job *job, const char *state) {
    perdure_result result = PERDURE_FAILED;
    int allocation = 0;
    perdure_test_no_memory_at(0);
    perdure_result whole = perdure_test_run_job(job, state);
    int lines = perdure_test_count("");
    /* As soon as a run does all that it does with memory, none of its allocations failed. */
    while (allocation++ < 10000) {
        perdure_test_no_memory_at(allocation);
        result = perdure_test_run_job(job, state);
        PERDURE_TEST(perdure_test_allocated() == 0);
        PERDURE_TEST(perdure_test_count("log error (null)") == 0);
        if (perdure_test_allocations_left > 0) break; /* of the header inside: the failure was not reached */
    }
    PERDURE_TEST(allocation > 2 && allocation < 10000);
    PERDURE_TEST(result == whole);
    PERDURE_TEST(perdure_test_count("") == lines);
}

int main(void) {
    arrange();
    exhaust(&perdure_job_counter, "{\"target\": 3}");
    exhaust(&perdure_job_warner, "{\"count\": 5}");
    exhaust(&perdure_job_failing, "{\"message\": \"a \\u00e9 long message\"}");
    exhaust(&perdure_job_noter, "{\"path\": \"id\", \"note\": \"milk\"}");
    exhaust(&perdure_job_trespasser, NULL);
    exhaust(&perdure_job_caller, "{\"calls\": 3}");
    perdure_test_no_memory_at(0);
    PERDURE_TEST(perdure_test_run(caller, "{\"calls\": 100000}") == PERDURE_COMPLETED);
    PERDURE_TEST(perdure_test_saw("checkpoint {\"calls\":100000,\"seen\":400000}"));
    return perdure_test_end();
}
