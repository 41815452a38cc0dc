/* Runs the jobs on this machine, with the header's host for tests. */
#include "../src/counter.c"

static void counts_to_its_target(void) {
    PERDURE_TEST(perdure_test_run(counter, "{\"target\": 3}") == PERDURE_COMPLETED);
    PERDURE_TEST(perdure_test_count("progress ") == 3);
    PERDURE_TEST(perdure_test_saw("progress 1 Counted 3/3"));
    PERDURE_TEST(perdure_test_count("checkpoint ") == 4);
    PERDURE_TEST(perdure_test_saw("checkpoint {\"current\":3,\"target\":3}"));
}

static void saves_its_state_before_an_interrupt(void) {
    perdure_test_interrupt_at(2);
    PERDURE_TEST(perdure_test_run(counter, "{\"target\": 3}") == PERDURE_INTERRUPTED);
    PERDURE_TEST(perdure_test_run(counter, perdure_test_last("checkpoint ")) == PERDURE_INTERRUPTED);
    perdure_test_reset();
    PERDURE_TEST(perdure_test_run(counter, "{\"current\": 2, \"target\": 3}") == PERDURE_COMPLETED);
    PERDURE_TEST(perdure_test_count("items ") == 1);
}

static void refuses_a_state_that_is_none(void) {
    PERDURE_TEST(perdure_test_run(counter, "{\"target\": \"three\"}") == PERDURE_FAILED);
    PERDURE_TEST(perdure_test_saw("log error bad state: \"target\" must be a whole number of 64 bits"));
}

static void warns(void) {
    PERDURE_TEST(perdure_test_run(warner, "{\"count\": 5}") == PERDURE_COMPLETED);
    PERDURE_TEST(perdure_test_count("warning ") == 5);
    PERDURE_TEST(perdure_test_saw("log error line 4"));
    PERDURE_TEST(perdure_test_saw("log debug line 5"));
}

static void fails(void) {
    PERDURE_TEST(perdure_test_run(failing, "{\"message\": \"no luck\"}") == PERDURE_FAILED);
    PERDURE_TEST(perdure_test_saw("log error no luck"));
}

static void notes(void) {
    perdure_test_answer("action:vdfs.write_sidecar", "{\"name\": \"note\"}");
    perdure_test_answer("query:vdfs.read_sidecar", "{\"text\": \"{\\\"note\\\":\\\"milk\\\"}\"}");
    PERDURE_TEST(perdure_test_run(noter, "{\"path\": \"some id\", \"note\": \"milk\"}") == PERDURE_COMPLETED);
    PERDURE_TEST(perdure_test_saw("call action:vdfs.write_sidecar "
                                  "{\"entry_id\":\"some id\",\"name\":\"note\",\"media_type\":\"application/json\","
                                  "\"text\":\"{\\\"note\\\":\\\"milk\\\"}\"}"));
    PERDURE_TEST(perdure_test_run(noter, "{\"path\": \"some id\", \"note\": \"bread\"}") == PERDURE_FAILED);
}

static void is_stopped_where_it_must_not_go(void) {
    perdure_test_answer("query:credentials.get", "{\"error\": \"not yours\", \"code\": \"permission_denied\"}");
    PERDURE_TEST(perdure_test_run(trespasser, NULL) == PERDURE_COMPLETED);
    PERDURE_TEST(perdure_test_saw("warning denied"));
}

int main(void) {
    counts_to_its_target();
    saves_its_state_before_an_interrupt();
    refuses_a_state_that_is_none();
    warns();
    fails();
    notes();
    is_stopped_where_it_must_not_go();
    return perdure_test_end();
}
