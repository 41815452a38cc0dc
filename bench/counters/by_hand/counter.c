/* The counter against ABI 1, with nothing but a compiler. */
#include <stdbool.h>
#include <stdint.h>

#define IMPORT(name) __attribute__((import_module("spacedrive"), import_name(name)))
#define EXPORT(name) __attribute__((export_name(name), visibility("default")))

IMPORT("spacedrive_log") void host_log(int32_t level, const char *text, int32_t length);
IMPORT("register_job")
int32_t register_job(const char *name, int32_t length, const char *export_name, int32_t export_length, int32_t resumable);
IMPORT("job_report_progress") void report_progress(const uint8_t *job, float fraction, const char *text, int32_t length);
IMPORT("job_checkpoint") int32_t checkpoint(const uint8_t *job, const char *state, int32_t length);
IMPORT("job_check_interrupt") int32_t check_interrupt(const uint8_t *job);
IMPORT("job_increment_items") void increment_items(const uint8_t *job, int64_t count);
IMPORT("job_increment_bytes") void increment_bytes(const uint8_t *job, int64_t count);

/* The host's texts: one after the other, and the last one can be given back. */
extern uint8_t __heap_base;
static uintptr_t heap_end;

EXPORT("wasm_alloc") void *wasm_alloc(int32_t size) {
    if (heap_end == 0) heap_end = (uintptr_t)&__heap_base;
    uintptr_t start = (heap_end + 7) & ~(uintptr_t)7, end = start + (uint32_t)size;
    uintptr_t pages = (end + 65535) / 65536, have = __builtin_wasm_memory_size(0);
    if (end < start || (pages > have && __builtin_wasm_memory_grow(0, pages - have) == (uintptr_t)-1)) return 0;
    heap_end = end;
    return (void *)start;
}

EXPORT("wasm_free") void wasm_free(void *block, int32_t size) {
    if ((uintptr_t)block + (uint32_t)size == heap_end) heap_end = (uintptr_t)block;
}

/* Texts that are put together. */
typedef struct {
    char bytes[96];
    int32_t length;
} text;

static void add(text *to, const char *from) {
    while (*from != 0) to->bytes[to->length++] = *from++;
}

static void add_number(text *to, int64_t number) {
    char digits[20];
    int count = 0;
    uint64_t left = number < 0 ? -(uint64_t)number : (uint64_t)number;
    do digits[count++] = (char)('0' + left % 10); while ((left /= 10) != 0);
    if (number < 0) to->bytes[to->length++] = '-';
    while (count > 0) to->bytes[to->length++] = digits[--count];
}

/* JSON: an object whose values are numbers or texts. */
typedef struct {
    const char *at, *end;
} reader;

static bool take(reader *json, char wanted) {
    while (json->at < json->end && (*json->at == ' ' || *json->at == '\n' || *json->at == '\t' || *json->at == '\r')) json->at++;
    if (json->at == json->end || *json->at != wanted) return false;
    json->at++;
    return true;
}

static bool read_text(reader *json, const char **start, int32_t *length) {
    if (!take(json, '"')) return false;
    for (*start = json->at; json->at < json->end && *json->at != '"'; json->at++) {
        if (*json->at == '\\' && ++json->at == json->end) return false;
    }
    *length = (int32_t)(json->at - *start);
    return take(json, '"');
}

static bool read_number(reader *json, int64_t *number) {
    bool negative = take(json, '-');
    const char *first = json->at;
    uint64_t found = 0;
    while (json->at < json->end && *json->at >= '0' && *json->at <= '9') {
        if (json->at - first == 18) return false;
        found = found * 10 + (uint64_t)(*json->at++ - '0');
    }
    *number = negative ? -(int64_t)found : (int64_t)found;
    return json->at > first;
}

static bool is(const char *name, const char *start, int32_t length) {
    int32_t index = 0;
    while (index < length && name[index] == start[index] && name[index] != 0) index++;
    return index == length && name[index] == 0;
}

static int hex_digit(char digit) {
    return digit >= '0' && digit <= '9' ? digit - '0' : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

static bool read_context(const char *bytes, int32_t size, uint8_t job[16]) {
    reader json = {bytes, bytes + size};
    const char *name, *value;
    int32_t length, value_length;
    bool found = false;
    if (!take(&json, '{')) return false;
    do {
        if (!read_text(&json, &name, &length) || !take(&json, ':') || !read_text(&json, &value, &value_length)) return false;
        if (!is("job_id", name, length) || value_length != 36) continue;
        for (int32_t at = 0, index = 0; index < 16; at += 2, index++) {
            if (value[at] == '-') at++;
            job[index] = (uint8_t)(hex_digit(value[at]) << 4 | hex_digit(value[at + 1]));
        }
        found = true;
    } while (take(&json, ','));
    return found && take(&json, '}');
}

/* the job */
typedef struct {
    int64_t current, target;
} counter_state;
/* the end of the job */

static bool read_state(const char *bytes, int32_t size, counter_state *state) {
    reader json = {bytes, bytes + size};
    const char *name, *value;
    int32_t length, value_length;
    if (size == 0) return true;
    if (!take(&json, '{')) return false;
    if (take(&json, '}')) return true;
    do {
        int64_t number = 0;
        if (!read_text(&json, &name, &length) || !take(&json, ':')) return false;
        bool is_number = read_number(&json, &number);
        if (!is_number && !read_text(&json, &value, &value_length)) return false;
        bool current = is("current", name, length), target = is("target", name, length);
        if ((current || target) && !is_number) return false;
        if (current) state->current = number;
        if (target) state->target = number;
    } while (take(&json, ','));
    return take(&json, '}');
}

static bool save(const uint8_t *job, const counter_state *state) {
    text json = {0};
    add(&json, "{\"current\":");
    add_number(&json, state->current);
    add(&json, ",\"target\":");
    add_number(&json, state->target);
    add(&json, "}");
    return checkpoint(job, json.bytes, json.length) == 0;
}

static int32_t failed(const char *why) {
    text line = {0};
    add(&line, why);
    host_log(3, line.bytes, line.length);
    return 2;
}

EXPORT("execute_counter")
int32_t execute_counter(const char *context, int32_t context_length, const char *bytes, int32_t length) {
    uint8_t job[16];
    counter_state state = {0};
    if (!read_context(context, context_length, job)) return failed("bad context");
    if (!read_state(bytes, length, &state)) return failed("bad state");
    /* the job */
    while (state.current < state.target) {
        if (check_interrupt(job) != 0) {
            save(job, &state);
            return 1;
        }
        state.current++;
        text message = {0};
        add(&message, "Counted ");
        add_number(&message, state.current);
        add(&message, "/");
        add_number(&message, state.target);
        report_progress(job, (float)((double)state.current / (double)state.target), message.bytes, message.length);
        increment_items(job, 1);
        increment_bytes(job, 8);
        save(job, &state);
    }
    /* the end of the job */
    return save(job, &state) ? 0 : failed("the last checkpoint could not be stored");
}

EXPORT("plugin_init") int32_t plugin_init(void) {
    return register_job("counter", 7, "execute_counter", 15, 1);
}

EXPORT("plugin_cleanup") int32_t plugin_cleanup(void) {
    return 0;
}
