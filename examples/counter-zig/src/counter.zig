//! Five jobs, one for each thing that a job can do: the same in every language that perdure has an SDK for.

const std = @import("std");
const perdure = @import("perdure");

comptime {
    perdure.extension(.{
        .id = "counter-zig",
        .name = "Counter (Zig)",
        .version = "0.1.0",
        .description = "Counts, warns, fails, writes notes and trespasses.",
        .author = "The perdure authors",
        .permissions = .{ .methods = .{ "query:vdfs.read_sidecar", "action:vdfs.write_sidecar" } },
    });
    perdure.init(ready);
    perdure.job("counter", Counter, counter);
    perdure.job("warner", Warner, warner);
    perdure.job("failing", Failing, failing);
    perdure.job("noter", Noter, noter);
    perdure.job("trespasser", perdure.NoState, trespasser);
}

fn ready() !void {
    perdure.log(.info, "counter ready", .{});
}

/// Counts to a target. Killed on the way, it goes on from its last checkpoint.
const Counter = struct { current: i64 = 0, target: i64 = 0 };

fn counter(ctx: *perdure.Context, state: *Counter) !void {
    while (state.current < state.target) {
        try ctx.checkInterrupt();
        state.current += 1;
        const done = @as(f64, @floatFromInt(state.current)) / @as(f64, @floatFromInt(state.target));
        ctx.reportProgress(done, "Counted {d}/{d}", .{ state.current, state.target });
        ctx.incrementItems(1);
        ctx.incrementBytes(8);
        try ctx.checkpoint();
    }
}

/// Warnings, and lines of every level.
const Warner = struct { count: i64 = 0 };

fn warner(ctx: *perdure.Context, state: *Warner) !void {
    perdure.log(.info, "Warning {d} times", .{state.count});
    const levels = [_]perdure.Level{ .debug, .info, .warn, .@"error" };
    var i: i64 = 1;
    while (i <= state.count) : (i += 1) {
        ctx.addWarning("Warning {d}", .{i});
        perdure.log(levels[@intCast(@mod(i - 1, 4))], "line {d}", .{i});
    }
}

/// Fails as it is told.
const Failing = struct { message: []const u8 = "" };

fn failing(ctx: *perdure.Context, state: *Failing) !void {
    ctx.reportProgress(0.5, "About to fail", .{});
    return ctx.fail("{s}", .{state.message});
}

/// Writes a note beside an entry, and reads it back.
const Noter = struct { path: []const u8 = "", note: []const u8 = "" };

fn noter(ctx: *perdure.Context, state: *Noter) !void {
    const text = try ctx.toJson(.{ .note = state.note });
    _ = try ctx.call("action:vdfs.write_sidecar", .{
        .entry_id = state.path,
        .name = "note",
        .media_type = "application/json",
        .text = text,
    });
    const answer = try ctx.call("query:vdfs.read_sidecar", .{ .entry_id = state.path, .name = "note", .text = true });
    const found = try answer.read(struct { text: []const u8 });
    if (!std.mem.eql(u8, found.text, text)) return ctx.fail("the note came back changed", .{});
}

/// Tries what the manifest does not ask for. The name is made of two parts, so that `perdure build` lets it pass.
fn trespasser(ctx: *perdure.Context, _: *perdure.NoState) !void {
    const method = try std.mem.joinZ(ctx.allocator(), ":", &.{ "query", "credentials.get" });
    if (ctx.call(method, .{ .id = "mail" })) |_| {
        return ctx.fail("nobody stopped it", .{});
    } else |problem| {
        if (problem != error.PermissionDenied) return problem;
        perdure.log(.info, "denied: {s}", .{ctx.failure().code});
        ctx.addWarning("denied", .{});
    }
}

// --- on this machine, with the host for tests ------------------------------------------------------------------------

const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;

test "it counts to its target" {
    try expectEqual(.completed, perdure.testing.run(Counter, counter, "{\"target\": 3}"));
    try expectEqual(3, perdure.testing.count("progress "));
    try expect(perdure.testing.saw("progress 1 Counted 3/3"));
    try expect(perdure.testing.saw("checkpoint {\"current\":3,\"target\":3}"));
    try expectEqual(0, perdure.testing.allocated());
}

test "it saves its state before an interrupt" {
    defer perdure.testing.reset();
    perdure.testing.interruptAt(2);
    try expectEqual(.interrupted, perdure.testing.run(Counter, counter, "{\"target\": 3}"));
    try expect(perdure.testing.saw("checkpoint {\"current\":1,\"target\":3}"));
}

test "it refuses a state that is none" {
    try expectEqual(.failed, perdure.testing.run(Counter, counter, "{\"target\": \"three\"}"));
    try expect(perdure.testing.saw("log error bad state: \"target\" must be a whole number that fits i64"));
}

test "it warns" {
    try expectEqual(.completed, perdure.testing.run(Warner, warner, "{\"count\": 5}"));
    try expectEqual(5, perdure.testing.count("warning "));
    try expect(perdure.testing.saw("log error line 4"));
}

test "it fails" {
    try expectEqual(.failed, perdure.testing.run(Failing, failing, "{\"message\": \"no luck\"}"));
    try expect(perdure.testing.saw("log error no luck"));
}

test "it writes notes" {
    defer perdure.testing.reset();
    const state = "{\"path\": \"some id\", \"note\": \"milk\"}";
    try expectEqual(.failed, perdure.testing.run(Noter, noter, state));
    try expect(perdure.testing.saw("log error unknown_method: nothing was arranged for it"));
    perdure.testing.answer("action:vdfs.write_sidecar", "{\"name\": \"note\"}");
    perdure.testing.answer("query:vdfs.read_sidecar", "{\"text\": \"{\\\"note\\\":\\\"milk\\\"}\"}");
    try expectEqual(.completed, perdure.testing.run(Noter, noter, state));
    try expectEqual(0, perdure.testing.allocated());
}

test "it is stopped where it must not go" {
    defer perdure.testing.reset();
    perdure.testing.answer("query:credentials.get", "{\"error\": \"not yours\", \"code\": \"permission_denied\"}");
    try expectEqual(.completed, perdure.testing.run(perdure.NoState, trespasser, null));
    try expect(perdure.testing.saw("warning denied"));
}
