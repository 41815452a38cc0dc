/* Fields of every type: their ranges, their defaults, and what they are saved as. */
#define PERDURE_IMPLEMENTATION
#include "perdure.h"

typedef struct {
    signed char tiny;
    short small;
    int middle;
    long large;
    long long huge;
    unsigned char byte;
    uint16_t word;
    uint32_t half;
    uint64_t whole;
    float ratio;
    double exact;
    bool flag;
    const char *text;
    char chars[6];
    perdure_json any;
    int unlisted;
} fields_state;
PERDURE_STATE(fields_state, tiny, small, middle, large, huge, byte, word, half, whole, ratio, exact, flag, text, chars, any);

static perdure_result fields(perdure_ctx *ctx, fields_state *state) {
    (void)ctx;
    return state->unlisted == 7 ? PERDURE_COMPLETED : PERDURE_FAILED;
}
PERDURE_JOB_WITH(fields, fields_state, true, .middle = -1, .exact = 0.5, .text = "as it was", .chars = "short", .unlisted = 7);

typedef struct {
    double ratio;
} broken_state;
PERDURE_STATE(broken_state, ratio);

static perdure_result broken(perdure_ctx *ctx, broken_state *state) {
    (void)ctx;
    state->ratio = state->ratio / 0.0;
    return PERDURE_COMPLETED;
}
PERDURE_JOB(broken, broken_state);

static void comes_back(const char *field, const char *value, bool accepted) {
    perdure_writer state = {0}, line = {0};
    perdure_put_text(&state, "{\"");
    perdure_put_text(&state, field);
    perdure_put_text(&state, "\": ");
    perdure_put_text(&state, value);
    perdure_put_text(&state, " }");
    perdure_result result = perdure_test_run(fields, state.bytes);
    if (accepted != (result == PERDURE_COMPLETED)) fprintf(stderr, "%s = %s\n", field, value);
    PERDURE_TEST(accepted == (result == PERDURE_COMPLETED));
    if (accepted) {
        perdure_json saved;
        const char *text = perdure_test_last("checkpoint ");
        PERDURE_TEST(perdure_json_parse(text, perdure_length(text), &saved, NULL, NULL));
        perdure_write_json(&line, perdure_json_get(saved, field));
        PERDURE_TEST(perdure_length(value) == line.length && perdure_compare(line.bytes, value, line.length) == 0);
    } else {
        PERDURE_TEST(perdure_test_count("log error bad state: \"") == 1);
    }
    perdure_writer_free(&state);
    perdure_writer_free(&line);
}

int main(void) {
    PERDURE_TEST(perdure_test_run(fields, NULL) == PERDURE_COMPLETED);
    PERDURE_TEST(perdure_test_saw("checkpoint {\"tiny\":0,\"small\":0,\"middle\":-1,\"large\":0,\"huge\":0,\"byte\":0,\"word\":0,"
                                  "\"half\":0,\"whole\":0,\"ratio\":0.0,\"exact\":0.5,\"flag\":false,\"text\":\"as it was\","
                                  "\"chars\":\"short\",\"any\":null}"));

    comes_back("tiny", "-128", true);
    comes_back("tiny", "128", false);
    comes_back("small", "32767", true);
    comes_back("small", "-32769", false);
    comes_back("middle", "-2147483648", true);
    comes_back("middle", "2147483648", false);
    comes_back("huge", "-9223372036854775808", true);
    comes_back("huge", "9223372036854775808", false);
    comes_back("huge", "1.0", false);
    comes_back("huge", "1e3", false);
    comes_back("byte", "255", true);
    comes_back("byte", "256", false);
    comes_back("byte", "-1", false);
    comes_back("word", "65535", true);
    comes_back("word", "65536", false);
    comes_back("half", "4294967295", true);
    comes_back("half", "4294967296", false);
    comes_back("whole", "18446744073709551615", true);
    comes_back("whole", "18446744073709551616", false);
    comes_back("ratio", "0.25", true);
    comes_back("ratio", "1e+300", false);
    comes_back("exact", "1e+300", true);
    comes_back("exact", "-0.1", true);
    comes_back("exact", "1e999", false);
    comes_back("exact", "\"0.1\"", false);
    comes_back("flag", "true", true);
    comes_back("flag", "1", false);
    comes_back("text", "\"a \\\"text\\\" \\u0001\"", true);
    comes_back("text", "\"a zero \\u0000\"", false);
    comes_back("text", "null", false);
    comes_back("chars", "\"12345\"", true);
    comes_back("chars", "\"123456\"", false);
    comes_back("chars", "\"\\u0000\"", false);
    comes_back("any", "[1,{\"a\": null}]", true);

    PERDURE_TEST(perdure_test_run(fields, "[]") == PERDURE_FAILED);
    PERDURE_TEST(perdure_test_saw("log error bad state: it must be an object"));
    PERDURE_TEST(perdure_test_run(fields, "{\"tiny\":}") == PERDURE_FAILED);
    PERDURE_TEST(perdure_test_saw("log error bad state: a value was expected at byte 8"));

    PERDURE_TEST(perdure_test_run(broken, "{\"ratio\": 1}") == PERDURE_FAILED);
    PERDURE_TEST(perdure_test_saw("log error the state cannot be saved: a double is not finite"));
    perdure_test_disk_full(true);
    PERDURE_TEST(perdure_test_run(fields, NULL) == PERDURE_FAILED);
    PERDURE_TEST(perdure_test_saw("log error the last checkpoint could not be stored"));
    return perdure_test_end();
}
