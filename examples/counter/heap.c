/* The memory that the host asks for: it puts the context and the state of a job there, and frees them afterwards.
 *
 * A list of free blocks in the order of their addresses, first fit, neighbours joined when they are freed. When nothing
 * fits, the memory grows; when the host does not let it grow, the answer is 0 and nothing has changed.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi.h"

#define PAGE 65536u
#define ALIGNMENT 16u

/* Stands in front of every block, free or used. Its own size keeps what follows it aligned. */
struct block {
    uint32_t size; /* of the whole block, this header included; a multiple of ALIGNMENT */
    struct block *next; /* the next free block; unused in a used one */
    uint8_t padding[ALIGNMENT - 8];
};

_Static_assert(sizeof(struct block) == ALIGNMENT, "a header is as long as the alignment it keeps");

/* Where the linker's own data ends. Only its address means anything. */
extern uint8_t __heap_base;

static struct block *free_blocks;
static bool started;

/* Puts a block into the list, and joins it with the neighbours that it touches. */
static void release(struct block *block) {
    struct block **link = &free_blocks;
    struct block *before = NULL;
    while (*link != NULL && *link < block) {
        before = *link;
        link = &before->next;
    }
    block->next = *link;
    *link = block;
    if (block->next != NULL && (uintptr_t)block + block->size == (uintptr_t)block->next) {
        block->size += block->next->size;
        block->next = block->next->next;
    }
    if (before != NULL && (uintptr_t)before + before->size == (uintptr_t)block) {
        before->size += block->size;
        before->next = block->next;
    }
}

/* Makes the heap larger, by at least `size` bytes. */
static bool grow(uint32_t size) {
    if (!started) {
        /* The rest of the pages that the module starts with belongs to the heap. */
        started = true;
        uintptr_t start = ((uintptr_t)&__heap_base + ALIGNMENT - 1) & ~(uintptr_t)(ALIGNMENT - 1);
        struct block *rest = (struct block *)start;
        uint32_t rest_size = __builtin_wasm_memory_size(0) * PAGE - start;
        if (rest_size > 0) {
            rest->size = rest_size;
            release(rest);
        }
        if (rest_size >= size) {
            return true;
        }
    }
    uint32_t pages = (size - 1) / PAGE + 1;
    size_t old_pages = __builtin_wasm_memory_grow(0, pages);
    if (old_pages == SIZE_MAX) {
        return false;
    }
    struct block *added = (struct block *)(old_pages * PAGE);
    added->size = pages * PAGE;
    release(added);
    return true;
}

/* The first free block that is large enough, cut to size; NULL if there is none. */
static struct block *take(uint32_t size) {
    for (struct block **link = &free_blocks; *link != NULL; link = &(*link)->next) {
        struct block *block = *link;
        if (block->size < size) {
            continue;
        }
        if (block->size - size >= 2 * sizeof(struct block)) {
            struct block *rest = (struct block *)((uintptr_t)block + size);
            rest->size = block->size - size;
            rest->next = block->next;
            *link = rest;
            block->size = size;
        } else {
            *link = block->next;
        }
        return block;
    }
    return NULL;
}

EXPORT("wasm_alloc")
void *wasm_alloc(uint32_t size) {
    /* Larger than any memory that could be got, and so large that the sums below would wrap round. */
    if (size > UINT32_MAX - 2 * PAGE) {
        return NULL;
    }
    uint32_t needed = ((size + ALIGNMENT - 1) & ~(ALIGNMENT - 1)) + sizeof(struct block);
    struct block *block = take(needed);
    if (block == NULL && grow(needed)) {
        block = take(needed);
    }
    return block == NULL ? NULL : block + 1;
}

/* The host tells the size it asked for; the header knows it, too, and more exactly. */
EXPORT("wasm_free")
void wasm_free(void *pointer, uint32_t size) {
    (void)size;
    if (pointer != NULL) {
        release((struct block *)pointer - 1);
    }
}
