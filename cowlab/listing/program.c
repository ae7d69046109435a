#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, WAIT_US = 100, MOST_WAITS = 60 * 1000000 / WAIT_US };

@TABLES@

/* What all processes share: the number of the step that is being done, and everybody's process ID. */
static struct {
    atomic_int turn;
    atomic_bool failed;
    pid_t pid[Processes];
} *shared;

static int me = Init; /* which process this is */
static int steps;     /* how many steps it has come to */

/* Where this process has its regions; fork copies the table along with the memory. Page 0 of each lies on a boundary
 * of 1 GiB, as in the model, and no two regions are next to each other: the kernel would join them. */
static char *address[Regions];
static const uintptr_t FIRST = 1UL << 40, SPACE = @SPACE@UL << 30;

static void fail(const char *what)
{
    fprintf(stderr, "%s: %s: %s\n", process_names[me], what, strerror(errno));
    shared->failed = true;
    exit(1);
}

/* Wait until so many steps are done. Gives up with the others, or if no step was done for a minute. */
static void wait_until(int turn)
{
    for (int waits = 0, seen = -1; shared->turn != turn; waits++) {
        if (shared->failed)
            exit(1);
        if (shared->turn != seen)
            seen = shared->turn, waits = 0;
        if (waits == MOST_WAITS)
            errno = ETIMEDOUT, fail("waiting for its turn");
        usleep(WAIT_US);
    }
}

/* Is this step the step of this process? If so, wait until all steps before it are done. */
static bool my_turn(int who)
{
    int step = steps++;
    if (who != me)
        return false;
    wait_until(step);
    return true;
}

static void done(void)
{
    shared->turn++;
}

static void refused(const char *call, int region)
{
    const char *why = errno == ENOMEM ? "ENOMEM" : strerror(errno);
    printf("%s: %s of %s refused: %s\n", process_names[me], call, region_names[region], why);
}

/* As my_turn, for a step in a region, which must be there. */
static bool my_turn_in(int who, int region)
{
    if (!my_turn(who))
        return false;
    if (address[region])
        return true;
    printf("%s: has no %s, whose mmap was refused\n", process_names[me], region_names[region]);
    done();
    return false;
}

/* The value at the start of a page. volatile: the compiler must not leave out a read or a write. */
static volatile uint64_t *word(int region, long page)
{
    return (volatile uint64_t *)(address[region] + page * PAGE);
}

/* The parent forks; the child goes on from here through the same list, and does the steps that are its own. */
static void fork_child(int parent, int child)
{
    if (!my_turn(parent))
        return;
    pid_t pid = fork();
    if (pid < 0)
        fail("fork");
    if (pid == 0) {
        me = child;
        return;
    }
    shared->pid[child] = pid;
    done();
}

/* Init waits until a process is gone, and with it all that it had. */
static void await_end(int who)
{
    if (!my_turn(Init))
        return;
    while (kill(shared->pid[who], 0) == 0)
        usleep(WAIT_US);
    done();
}

static void exit_process(int who)
{
    if (my_turn(who)) {
        done();
        _exit(0);
    }
    await_end(who);
}

static void kill_process(int who)
{
    if (my_turn(Init)) {
        if (kill(shared->pid[who], SIGKILL))
            fail("kill");
        done();
    }
    await_end(who);
}

static void map_region(int who, int region, long pages, int prot, int flags, int file)
{
    if (!my_turn(who))
        return;
    void *place = (void *)(FIRST + region * SPACE);
    void *got = mmap(place, pages * PAGE, prot, flags | MAP_FIXED_NOREPLACE, file, 0);
    if (got == MAP_FAILED)
        refused("mmap", region);
    else
        address[region] = got;
    done();
}

static void write_pages(int who, int region, long start, long stop, uint64_t value)
{
    if (!my_turn_in(who, region))
        return;
    for (long page = start; page < stop; page++)
        *word(region, page) = value;
    done();
}

static void read_pages(int who, int region, long start, long stop)
{
    if (!my_turn_in(who, region))
        return;
    for (long page = start; page < stop; page++)
        (void)*word(region, page);
    done();
}

static void write_list(int who, int region, const int *pages, int count, uint64_t value)
{
    if (!my_turn_in(who, region))
        return;
    for (int i = 0; i < count; i++)
        *word(region, pages[i]) = value;
    done();
}

static void read_list(int who, int region, const int *pages, int count)
{
    if (!my_turn_in(who, region))
        return;
    for (int i = 0; i < count; i++)
        (void)*word(region, pages[i]);
    done();
}

static void unmap_pages(int who, int region, long start, long stop)
{
    if (!my_turn_in(who, region))
        return;
    if (munmap(address[region] + start * PAGE, (stop - start) * PAGE))
        refused("munmap", region);
    done();
}

static void drop_pages(int who, int region, long start, long stop)
{
    if (!my_turn_in(who, region))
        return;
    if (madvise(address[region] + start * PAGE, (stop - start) * PAGE, MADV_DONTNEED))
        refused("madvise", region);
    done();
}

static void protect_pages(int who, int region, long start, long stop, int prot)
{
    if (!my_turn_in(who, region))
        return;
    if (mprotect(address[region] + start * PAGE, (stop - start) * PAGE, prot))
        refused("mprotect", region);
    done();
}

static void set_oom_score_adj(int who, int adj)
{
    if (!my_turn(who))
        return;
    FILE *file = fopen("/proc/self/oom_score_adj", "w");
    if (!file || fprintf(file, "%d\n", adj) < 0 || fclose(file))
        fail("oom_score_adj");
    done();
}

/* A file without a name, on disk, gone with the last process that has it open. Page i holds 1000 + i. */
static int new_file(long pages)
{
    char name[] = "/var/tmp/cowlab-XXXXXX";
    int file = mkstemp(name);
    if (file < 0 || unlink(name))
        fail(name);
    for (long page = 0; page < pages; page++) {
        uint64_t words[PAGE / sizeof(uint64_t)] = {1000 + page};
        if (write(file, words, PAGE) != PAGE)
            fail(name);
    }
    return file;
}

static void report_heading(void)
{
    if (!my_turn(Init))
        return;
    printf(COLUMNS "%10s%10s%10s (KiB)\n", "process", "region", "Rss", "Pss", "Private");
    done();
}

/* One process says what it has: per region the sums of what /proc/self/smaps says of its parts. */
static void report(int who)
{
    if (!my_turn(who))
        return;
    long rss[Regions] = {0}, pss[Regions] = {0}, own[Regions] = {0}, size[Regions] = {0};
    FILE *smaps = fopen("/proc/self/smaps", "r");
    if (!smaps)
        fail("/proc/self/smaps");
    char line[4096], field[32];
    unsigned long start, end, region = Regions;
    long kib;
    while (fgets(line, sizeof line, smaps)) {
        if (sscanf(line, "%lx-%lx", &start, &end) == 2) /* the first line of a part */
            region = start >= FIRST ? (start - FIRST) / SPACE : Regions;
        else if (region < Regions && sscanf(line, "%31[A-Za-z_]: %ld", field, &kib) == 2) {
            size[region] += strcmp(field, "Size") ? 0 : kib;
            rss[region] += strcmp(field, "Rss") ? 0 : kib;
            pss[region] += strcmp(field, "Pss") ? 0 : kib;
            own[region] += strncmp(field, "Private_", 8) || strstr(field, "Hugetlb") ? 0 : kib;
        }
    }
    fclose(smaps);
    for (int r = 0; r < Regions; r++)
        if (size[r])
            printf(COLUMNS "%10ld%10ld%10ld\n", process_names[me], region_names[r], rss[r], pss[r], own[r]);
    done();
}

int main(void)
{
    setlinebuf(stdout); /* or children would print again what is in the buffer when they are forked */
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED || sysconf(_SC_PAGESIZE) != PAGE)
        return perror("pages of 4 KiB, all processes to share one"), 1;
    signal(SIGCHLD, SIG_IGN); /* a process that ends is gone at once, and stays no zombie */
    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) || /* whose parent ends becomes a child of Init */
        prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0))       /* pages of 4 KiB, none of 2 MiB */
        fail("prctl");
    @FILES@
    run();
    wait_until(steps);
    if (me == Init)
        while (wait(NULL) > 0 || errno == EINTR)
            continue;
    return shared->failed;
}
