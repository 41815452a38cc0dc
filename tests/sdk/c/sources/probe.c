/* The header's JSON and numbers, asked over a pipe. A question is a letter, a length in decimal and a line's end, and so
 * many bytes; the answer a length, a line's end, and so many bytes. */
#define PERDURE_IMPLEMENTATION
#include "perdure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void answer(const char *bytes, size_t length) {
    printf("%zu\n", length);
    fwrite(bytes, 1, length, stdout);
    fflush(stdout);
}

/* Writes a value again, taken apart and put together. */
static void walk(perdure_ctx *ctx, perdure_writer *writer, perdure_json value) {
    perdure_json item = {NULL, 0}, key = {NULL, 0};
    int64_t integer;
    uint64_t natural;
    double number;
    bool flag;
    switch (perdure_json_kind_of(value)) {
    case PERDURE_JSON_NULL:
        perdure_write_null(writer);
        break;
    case PERDURE_JSON_BOOL:
        if (perdure_json_bool(value, &flag)) perdure_write_bool(writer, flag);
        break;
    case PERDURE_JSON_NUMBER:
        if (perdure_json_int64(value, &integer)) perdure_write_int64(writer, integer);
        else if (perdure_json_uint64(value, &natural)) perdure_write_uint64(writer, natural);
        else if (perdure_json_double(value, &number)) perdure_write_double(writer, number);
        else perdure_write_text(writer, "beyond");
        break;
    case PERDURE_JSON_TEXT: {
        size_t length = 0, again = 0;
        perdure_json_bytes(value, NULL, 0, &length);
        char *bytes = malloc(length + 1);
        perdure_json_bytes(value, bytes, length, &again);
        if (again != length) abort();
        perdure_write_bytes(writer, bytes, length);
        bytes[length] = 0;
        if (strlen(bytes) == length && !perdure_json_equals(value, bytes)) abort();
        free(bytes);
        break;
    }
    case PERDURE_JSON_ARRAY:
        perdure_write_array(writer);
        while (perdure_json_next(value, &item, &key)) walk(ctx, writer, item);
        perdure_write_array_end(writer);
        break;
    case PERDURE_JSON_OBJECT:
        perdure_write_object(writer);
        while (perdure_json_next(value, &item, &key)) {
            perdure_writer name = {0};
            walk(ctx, &name, key);
            perdure_write_key(writer, "");
            writer->length -= 3; /* "": */
            writer->comma = false;
            perdure_write_json(writer, (perdure_json){name.bytes, name.length});
            perdure_writer_free(&name);
            writer->bytes[writer->length++] = ':';
            writer->comma = false;
            walk(ctx, writer, item);
        }
        perdure_write_object_end(writer);
        break;
    case PERDURE_JSON_ABSENT:
        abort();
    }
}

static void read_json(const char *bytes, size_t length) {
    perdure_json value;
    const char *problem = NULL;
    size_t at = 0;
    perdure_writer writer = {0};
    if (!perdure_json_parse(bytes, length, &value, &problem, &at)) {
        if (problem == NULL || at > length) abort();
        answer(problem, strlen(problem));
        return;
    }
    walk(NULL, &writer, value);
    if (writer.problem != NULL) abort();
    char *whole = malloc(writer.length + 1);
    whole[0] = '=';
    memcpy(whole + 1, writer.bytes, writer.length);
    answer(whole, writer.length + 1);
    free(whole);
    perdure_writer_free(&writer);
}

static perdure_ctx ctx;

static void read_number(const char *bytes, size_t length) {
    perdure_json value;
    double number;
    char hex[32];
    if (!perdure_json_parse(bytes, length, &value, NULL, NULL)) abort();
    if (!perdure_json_double(value, &number)) {
        answer("beyond", 6);
        return;
    }
    uint64_t bits;
    memcpy(&bits, &number, 8);
    answer(hex, (size_t)snprintf(hex, sizeof hex, "%016llx", (unsigned long long)bits));
}

/* The double of 16 hexadecimal digits in a few formats. */
static void write_number(const char *bytes) {
    uint64_t bits = strtoull(bytes, NULL, 16);
    double number;
    memcpy(&number, &bits, 8);
    perdure_writer writer = {0};
    perdure_write_double(&writer, number);
    const char *text = perdure_format(&ctx, "%s %f %.0f %.3f %.20f %.1g %.5g %.17g", writer.problem != NULL ? "no" : writer.bytes,
                                      number, number, number, number, number, number, number);
    answer(text, strlen(text));
    perdure_writer_free(&writer);
    perdure_free(&ctx, (void *)(uintptr_t)text);
}

static void write_formats(const char *bytes) {
    long long number = atoll(bytes);
    const char *text = perdure_format(&ctx, "%lld|%d|%12lld|%-12lld|%012lld|%llu|%x|%5s|%-5s|%.3s|%c|%%|%3d|%hd", number, (int)number,
                                      number, number, number, (unsigned long long)number, (unsigned)number, "ab", "ab",
                                      "abcdef", 'x', 7, (int)(short)number);
    answer(text, strlen(text));
    perdure_free(&ctx, (void *)(uintptr_t)text);
}

/* Two texts, with a zero byte between: a payload with both of them. */
static void write_payload(const char *bytes) {
    const char *second = bytes + strlen(bytes) + 1;
    const char *text = perdure_format_json(
        &ctx, "{ 'a b' : %s,\n\t'in': 'x %s \"y\" \\'',\"n\":[%d, %g , true, '%d%%'], 'last': %.*s }", bytes, second, -5, 0.1, 6,
        (int)strlen(second), second);
    answer(text == NULL ? "none" : text, text == NULL ? 4 : strlen(text));
    perdure_free(&ctx, (void *)(uintptr_t)text);
}

int main(void) {
    char letter;
    size_t length;
    while (scanf("%c%zu", &letter, &length) == 2 && getchar() == '\n') {
        char *bytes = malloc(length + 1);
        if (fread(bytes, 1, length, stdin) != length) abort();
        bytes[length] = 0;
        if (letter == 'j') read_json(bytes, length);
        if (letter == 'n') read_number(bytes, length);
        if (letter == 'w') write_number(bytes);
        if (letter == 'f') write_formats(bytes);
        if (letter == 'p') write_payload(bytes);
        free(bytes);
    }
    return ctx.blocks == NULL && perdure_test_allocated() == 0 ? 0 : 1;
}
