/* An extension with one job, which counts: a model to start from.
 *
 * The job goes through records of 64 bytes, number 0 up to `target`, and hashes each of them. It shows what a durable
 * job looks like:
 *
 *   - Everything that it needs to go on is in its state, and nothing of it anywhere else. A job that was interrupted,
 *     or whose process died, starts again in a fresh instance of this module, with the last checkpoint as its state.
 *   - After each record it asks whether to stop, and tells how far it is.
 *   - Every so often it hands its state to the host as a checkpoint. What it did after that is done again when it
 *     starts again. So a checkpoint is worth it when redoing costs more than writing to the disk once.
 *
 * The result, a digest over all records, is the same however often the job was killed on its way.
 *
 * The state is JSON, every field of it optional:
 *
 *     current           records done so far; 0 at the start
 *     target            records to do; 2000. Zero and less: there is nothing to do
 *     checkpoint_every  records between two checkpoints; 100. Zero: only at the end
 *     warn_every        records between two warnings; 500. Zero: never
 *     work              how often each record is hashed beyond the first time; WORK. Zero: as fast as possible
 *     digest            what came out so far, 16 hexadecimal digits
 *
 * Other fields are skipped, and are not in the checkpoints. A state that is no JSON object, or a field of another type
 * or out of its range, fails the job: better than counting something that nobody asked for.
 *
 * There is no C library here, and none is needed: see README.md for how it is built.
 */
#include "abi.h"
#include "json.h"

/* Makes 2000 records take some six seconds on a small machine: long enough to watch, and to kill half way. */
#define WORK 20000
/* A record must end soon, because the job asks for interrupts in between: this much takes about a second. */
#define MOST_WORK 10000000

#define RECORD_BYTES 64

/* FNV-1a with 64 bits: its start value and its prime. */
#define HASH_START 0xcbf29ce484222325u
#define HASH_PRIME 0x100000001b3u

struct state {
    int64_t current, target, checkpoint_every, warn_every, work;
    uint64_t digest;
};

/* --- texts ------------------------------------------------------------------------------------------------------- */

/* A text that is put together piece by piece. What no longer fits is cut off; the longest text here, a checkpoint with
 * five numbers of 20 characters, is well below. */
struct text {
    int32_t length;
    char bytes[320];
};

static void add(struct text *text, const char *piece) {
    while (*piece != 0 && text->length < (int32_t)sizeof text->bytes) {
        text->bytes[text->length++] = *piece++;
    }
}

static void add_number(struct text *text, int64_t number) {
    char digits[21];
    char *at = digits + sizeof digits;
    /* Of the smallest number, the opposite exists only without a sign. */
    uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number;
    *--at = 0;
    do {
        *--at = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest != 0);
    if (number < 0) {
        add(text, "-");
    }
    add(text, at);
}

static void add_hex(struct text *text, uint64_t number) {
    char digits[17] = {0};
    for (int index = 15; index >= 0; index--, number >>= 4) {
        digits[index] = "0123456789abcdef"[number & 15];
    }
    add(text, digits);
}

static int hex_digit(char digit) {
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* Logs why the job cannot be done; returns what its export is to return. */
static int32_t give_up(const char *what, const char *why) {
    struct text text = {0};
    add(&text, what);
    add(&text, ": ");
    add(&text, why);
    spacedrive_log(LOG_ERROR, text.bytes, text.length);
    return JOB_FAILED;
}

/* The same for a problem of JSON, with its place. */
static int32_t give_up_reading(const char *what, const struct json *json) {
    struct text text = {0};
    add(&text, json->problem);
    add(&text, " was expected at byte ");
    add_number(&text, json->at - json->start);
    text.bytes[text.length] = 0;
    return give_up(what, text.bytes);
}

/* --- what the host hands over ------------------------------------------------------------------------------------ */

/* The 16 bytes of a UUID like 0193b0a4-5f6e-7c3d-8b1a-2f4e6d8c0a12. */
static bool parse_uuid(const char *text, uint8_t uuid[16]) {
    for (int byte = 0; byte < 16; byte++) {
        if ((byte == 4 || byte == 6 || byte == 8 || byte == 10) && *text++ != '-') {
            return false;
        }
        int high = hex_digit(text[0]);
        int low = high < 0 ? -1 : hex_digit(text[1]);
        if (low < 0) {
            return false;
        }
        uuid[byte] = (uint8_t)(high << 4 | low);
        text += 2;
    }
    return *text == 0;
}

/* Reads {"job_id": "…", "library_id": "…"}, of which this job needs its own id. */
static int32_t read_context(const char *context, uint32_t length, uint8_t job_id[16]) {
    char key[16], id[37] = {0};
    struct json json = json_of(context, length);
    json_enter_object(&json);
    while (json_next_key(&json, key, sizeof key)) {
        if (text_equals(key, "job_id")) {
            json_string(&json, id, sizeof id);
        } else {
            json_skip(&json);
        }
    }
    if (!json_finish(&json)) {
        return give_up_reading("bad context", &json);
    }
    if (!parse_uuid(id, job_id)) {
        return give_up("bad context", "job_id is no UUID");
    }
    return JOB_COMPLETED;
}

static bool parse_digest(const char *text, uint64_t *digest) {
    *digest = 0;
    for (int index = 0; index < 16; index++) {
        int value = hex_digit(text[index]);
        if (value < 0) {
            return false;
        }
        *digest = *digest << 4 | (uint64_t)value;
    }
    return text[16] == 0;
}

static int32_t read_state(const char *bytes, uint32_t length, struct state *state) {
    *state = (struct state){
        .target = 2000, .checkpoint_every = 100, .warn_every = 500, .work = WORK, .digest = HASH_START};
    if (length == 0) {
        return JOB_COMPLETED; /* the job was dispatched without a state */
    }
    char key[32], digest[17];
    struct json json = json_of(bytes, length);
    json_enter_object(&json);
    while (json_next_key(&json, key, sizeof key)) {
        if (text_equals(key, "current")) {
            json_integer(&json, &state->current);
        } else if (text_equals(key, "target")) {
            json_integer(&json, &state->target);
        } else if (text_equals(key, "checkpoint_every")) {
            json_integer(&json, &state->checkpoint_every);
        } else if (text_equals(key, "warn_every")) {
            json_integer(&json, &state->warn_every);
        } else if (text_equals(key, "work")) {
            json_integer(&json, &state->work);
        } else if (text_equals(key, "digest")) {
            if (json_string(&json, digest, sizeof digest) && !parse_digest(digest, &state->digest)) {
                return give_up("bad state", "digest must be 16 hexadecimal digits");
            }
        } else {
            json_skip(&json);
        }
    }
    if (!json_finish(&json)) {
        return give_up_reading("bad state", &json);
    }
    if (state->current < 0 || state->checkpoint_every < 0 || state->warn_every < 0) {
        return give_up("bad state", "current, checkpoint_every and warn_every must not be negative");
    }
    if (state->work < 0 || state->work > MOST_WORK) {
        return give_up("bad state", "work must be from 0 to 10000000");
    }
    return JOB_COMPLETED;
}

/* --- the work ---------------------------------------------------------------------------------------------------- */

/* The bytes of a record follow from its number: an example has nothing to read. */
static uint64_t hash_record(uint64_t digest, int64_t number, int64_t work) {
    uint8_t record[RECORD_BYTES];
    for (int index = 0; index < RECORD_BYTES; index++) {
        record[index] = (uint8_t)((uint64_t)number >> (index % 8 * 8)) ^ (uint8_t)index;
    }
    for (int64_t round = 0; round <= work; round++) {
        for (int index = 0; index < RECORD_BYTES; index++) {
            digest = (digest ^ record[index]) * HASH_PRIME;
        }
    }
    return digest;
}

/* True when the state is on disk. */
static bool save(const uint8_t *job_id, const struct state *state) {
    struct text text = {0};
    add(&text, "{\"current\":");
    add_number(&text, state->current);
    add(&text, ",\"target\":");
    add_number(&text, state->target);
    add(&text, ",\"checkpoint_every\":");
    add_number(&text, state->checkpoint_every);
    add(&text, ",\"warn_every\":");
    add_number(&text, state->warn_every);
    add(&text, ",\"work\":");
    add_number(&text, state->work);
    add(&text, ",\"digest\":\"");
    add_hex(&text, state->digest);
    add(&text, "\"}");
    return job_checkpoint(job_id, text.bytes, text.length) == 0;
}

static void report(const uint8_t *job_id, const struct state *state) {
    struct text text = {0};
    add(&text, "Counted ");
    add_number(&text, state->current);
    add(&text, "/");
    add_number(&text, state->target);
    job_report_progress(job_id, (float)((double)state->current / (double)state->target), text.bytes, text.length);
    job_increment_items(job_id, 1);
    job_increment_bytes(job_id, RECORD_BYTES);
}

static void warn(const uint8_t *job_id, const struct state *state) {
    struct text text = {0};
    add(&text, "Record ");
    add_number(&text, state->current);
    add(&text, " was only an example of a record with a warning");
    job_add_warning(job_id, text.bytes, text.length);
}

/* The host calls this by the name that plugin_init registered. */
EXPORT("execute_counter")
int32_t execute_counter(const char *context, uint32_t context_length, const char *bytes, uint32_t length) {
    uint8_t job_id[16];
    struct state state;
    if (read_context(context, context_length, job_id) != JOB_COMPLETED ||
        read_state(bytes, length, &state) != JOB_COMPLETED) {
        return JOB_FAILED;
    }
    while (state.current < state.target) {
        /* First of all, so that a job that was told to stop does nothing more. Saved even when it is cancelled: a
         * person may change their mind. */
        if (job_check_interrupt(job_id) != GO_ON) {
            save(job_id, &state);
            return JOB_INTERRUPTED;
        }
        state.digest = hash_record(state.digest, state.current, state.work);
        state.current++;
        report(job_id, &state);
        if (state.warn_every > 0 && state.current % state.warn_every == 0) {
            warn(job_id, &state);
        }
        /* Last of all, so that a checkpoint stands for whole records: done, counted and reported. */
        if (state.checkpoint_every > 0 && state.current % state.checkpoint_every == 0 &&
            state.current < state.target && !save(job_id, &state)) {
            /* Nothing is lost yet: only more would have to be done again. */
            static const char message[] = "A checkpoint could not be stored; going on";
            job_add_warning(job_id, message, sizeof message - 1);
        }
    }
    /* The result is in the last checkpoint, so without it the job has failed. */
    return save(job_id, &state) ? JOB_COMPLETED : give_up("no result", "the last checkpoint could not be stored");
}

/* Called once in every instance, before a job. It says what this extension can do, and does nothing else. */
EXPORT("plugin_init")
int32_t plugin_init(void) {
    static const char name[] = "counter", export_name[] = "execute_counter";
    return register_job(name, sizeof name - 1, export_name, sizeof export_name - 1, 1);
}
