//! The counter against ABI 1, with Zig's own library and nothing else.

const std = @import("std");

extern "spacedrive" fn spacedrive_log(level: i32, text: [*]const u8, length: usize) void;
extern "spacedrive" fn register_job(name: [*]const u8, length: usize, run: [*]const u8, run_length: usize, resumable: i32) i32;
extern "spacedrive" fn job_report_progress(job: *const [16]u8, fraction: f32, text: [*]const u8, length: usize) void;
extern "spacedrive" fn job_checkpoint(job: *const [16]u8, state: [*]const u8, length: usize) i32;
extern "spacedrive" fn job_check_interrupt(job: *const [16]u8) i32;
extern "spacedrive" fn job_increment_items(job: *const [16]u8, count: i64) void;
extern "spacedrive" fn job_increment_bytes(job: *const [16]u8, count: i64) void;

const heap = std.heap.wasm_allocator;

export fn wasm_alloc(size: usize) ?[*]u8 {
    const block = heap.alloc(u8, size) catch return null;
    return block.ptr;
}

export fn wasm_free(block: [*]u8, size: usize) void {
    heap.free(block[0..size]);
}

export fn plugin_init() i32 {
    const run = "execute_counter";
    return register_job("counter", "counter".len, run, run.len, 1);
}

export fn plugin_cleanup() i32 {
    return 0;
}

export fn execute_counter(context: [*]const u8, context_length: usize, bytes: [*]const u8, length: usize) i32 {
    return execute(context[0..context_length], bytes[0..length]) catch |problem| {
        const words = @errorName(problem);
        spacedrive_log(3, words.ptr, words.len);
        return 2;
    };
}

const Context = struct { job_id: []const u8 };
const options: std.json.ParseOptions = .{ .ignore_unknown_fields = true };

fn execute(context: []const u8, bytes: []const u8) !i32 {
    const given = try std.json.parseFromSlice(Context, heap, context, options);
    defer given.deinit();
    const job = try id(given.value.job_id);
    const read = try std.json.parseFromSlice(Counter, heap, if (bytes.len == 0) "{}" else bytes, options);
    defer read.deinit();
    var state = read.value;
    if (try counter(&job, &state)) return 1;
    try save(&job, &state);
    return 0;
}

fn id(text: []const u8) ![16]u8 {
    var digits: [32]u8 = undefined;
    if (text.len != 36) return error.BadContext;
    _ = std.mem.replace(u8, text, "-", "", &digits);
    var found: [16]u8 = undefined;
    _ = try std.fmt.hexToBytes(&found, &digits);
    return found;
}

fn save(job: *const [16]u8, state: *const Counter) !void {
    var room: [96]u8 = undefined;
    const json = try std.fmt.bufPrint(&room, "{{\"current\":{d},\"target\":{d}}}", .{ state.current, state.target });
    if (job_checkpoint(job, json.ptr, json.len) != 0) return error.CheckpointNotStored;
}

// the job
const Counter = struct { current: i64 = 0, target: i64 = 0 };

fn counter(job: *const [16]u8, state: *Counter) !bool {
    while (state.current < state.target) {
        if (job_check_interrupt(job) != 0) {
            try save(job, state);
            return true;
        }
        state.current += 1;
        var room: [64]u8 = undefined;
        const message = try std.fmt.bufPrint(&room, "Counted {d}/{d}", .{ state.current, state.target });
        const fraction = @as(f64, @floatFromInt(state.current)) / @as(f64, @floatFromInt(state.target));
        job_report_progress(job, @floatCast(fraction), message.ptr, message.len);
        job_increment_items(job, 1);
        job_increment_bytes(job, 8);
        save(job, state) catch {};
    }
    return false;
}
// the end of the job
