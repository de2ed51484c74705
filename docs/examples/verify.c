/* Gate an action of an application with a one-time code: asks the daemon over its socket, with libc alone.
 *
 *     gcc -Wall -Wextra -O2 -o verify verify.c
 *     verify USER ACTION <code
 *
 * Exit code: 0 accepted, 1 refused, 2 wrong usage, 3 nothing was decided. Only 0 opens. The account that this runs as
 * belongs to the group otp-verify, or is USER.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { ACCEPTED = 0, REFUSED = 1, USAGE = 2, NOT_DECIDED = 3 };

#define SOCKET "/run/otp/otp.sock"
#define ACCOUNT "otp-enrolld"
#define TIMEOUT_S 15 /* for all of it; the daemon may wait 10 s for a lock */
#define DEEPEST 8

static int verify(const char *user, const char *code, const char *action);
static int connected(void);
static bool is_the_daemon(int fd);
static void quote(FILE *out, const char *text);
static bool send_all(int fd, const char *bytes, size_t count, long deadline);
static ssize_t receive(int fd, char *reply, size_t room, long deadline);
static int verdict(const char *reply, size_t count);
static int not_decided(const char *form, ...) __attribute__((format(printf, 1, 2)));

int main(int argc, char **argv)
{
    char code[65] = ""; /* longer than any code */
    if (argc != 3) {
        fprintf(stderr, "usage: verify USER ACTION <code\n");
        return USAGE;
    }
    /* never as an argument: everybody can read those; and not through stdio, which keeps a copy */
    ssize_t count = read(STDIN_FILENO, code, sizeof code - 1);
    if (count <= 0)
        return not_decided("no code on standard input");
    code[strcspn(code, "\n")] = 0;
    int end = verify(argv[1], code, argv[2]);
    explicit_bzero(code, sizeof code);
    return end;
}

/* One connection, one question, one answer. */
static int verify(const char *user, const char *code, const char *action)
{
    static char call[8192], reply[64 * 1024];
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    long deadline = now.tv_sec + TIMEOUT_S;

    FILE *out = fmemopen(call, sizeof call, "w");
    if (!out)
        return not_decided("no memory");
    setbuf(out, NULL);
    fputs("{\"method\":\"io.pam-otp.Otp1.Verify\",\"parameters\":{\"user\":", out);
    quote(out, user);
    fputs(",\"action\":", out);
    quote(out, action);
    fputs(",\"code\":", out);
    quote(out, code);
    fputs("}}", out);
    fputc(0, out);
    long length = ftell(out);
    bool whole = !ferror(out) && length > 0;
    if (fclose(out) != 0 || !whole)
        return not_decided("the names are too long");

    int end = NOT_DECIDED;
    int fd = connected();
    if (fd >= 0 && is_the_daemon(fd) && send_all(fd, call, (size_t)length, deadline)) {
        ssize_t count = receive(fd, reply, sizeof reply, deadline);
        if (count >= 0)
            end = verdict(reply, (size_t)count);
    }
    if (fd >= 0)
        close(fd);
    explicit_bzero(call, sizeof call);
    return end;
}

static int connected(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = SOCKET };
    struct timeval timeout = { .tv_sec = TIMEOUT_S };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return not_decided("socket: %s", strerror(errno)), -1;
    /* it bounds the wait for a place in a full queue too */
    if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout) != 0 ||
        connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        not_decided("%s: %s", SOCKET, strerror(errno));
        close(fd);
        return -1;
    }
    return fd;
}

/* The kernel says who called listen(): root, or the daemon's account. */
static bool is_the_daemon(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
        return not_decided("SO_PEERCRED: %s", strerror(errno)), false;
    struct passwd *account = getpwnam(ACCOUNT);
    if (peer.uid == 0 || (account && peer.uid == account->pw_uid))
        return true;
    return not_decided("%s belongs to uid %u; wanted root or %s", SOCKET, (unsigned)peer.uid, ACCOUNT), false;
}

/* A JSON string. Bytes that are not UTF-8 go out as they are; the daemon refuses them. */
static void quote(FILE *out, const char *text)
{
    fputc('"', out);
    for (const unsigned char *byte = (const unsigned char *)text; *byte; byte++) {
        if (*byte == '"' || *byte == '\\' || *byte < 0x20)
            fprintf(out, "\\u%04x", *byte);
        else
            fputc(*byte, out);
    }
    fputc('"', out);
}

static bool ready(int fd, short what, long deadline)
{
    for (;;) {
        struct timespec now;
        struct pollfd wanted = { .fd = fd, .events = what };
        clock_gettime(CLOCK_MONOTONIC, &now);
        long left = deadline - now.tv_sec;
        int count = left > 0 ? poll(&wanted, 1, (int)left * 1000) : 0;
        if (count > 0)
            return true;
        if (count == 0 || errno != EINTR)
            return not_decided("no answer within %d s", TIMEOUT_S), false;
    }
}

static bool send_all(int fd, const char *bytes, size_t count, long deadline)
{
    while (count > 0) {
        if (!ready(fd, POLLOUT, deadline))
            return false;
        ssize_t sent = send(fd, bytes, count, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno != EINTR && errno != EAGAIN)
            return not_decided("send: %s", strerror(errno)), false;
        if (sent > 0) {
            bytes += sent;
            count -= (size_t)sent;
        }
    }
    return true;
}

/* Everything up to the byte 0 that ends a message: its length, or -1. */
static ssize_t receive(int fd, char *reply, size_t room, long deadline)
{
    size_t have = 0;
    while (have < room) {
        if (!ready(fd, POLLIN, deadline))
            return -1;
        ssize_t got = recv(fd, reply + have, room - have, MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN))
            return not_decided("the daemon closed the connection"), -1;
        if (got > 0)
            have += (size_t)got;
        if (have > 0 && reply[have - 1] == 0)
            return (ssize_t)have - 1;
    }
    return not_decided("the reply is too long"), -1;
}

/* The reply, read strictly: one JSON object, and in it parameters.verdict.accepted, once, true or false. */

enum place { REPLY, PARAMETERS, VERDICT, ELSEWHERE };

struct reader {
    const char *at, *end;
    int accepted; /* -1 until it was read */
    bool error;
};

static bool read_value(struct reader *r, enum place place, int depth);

static void skip_space(struct reader *r)
{
    while (r->at < r->end && strchr(" \t\r\n", *r->at) && *r->at)
        r->at++;
}

static bool take(struct reader *r, const char *text)
{
    size_t count = strlen(text);
    if ((size_t)(r->end - r->at) < count || memcmp(r->at, text, count) != 0)
        return false;
    r->at += count;
    return true;
}

/* A string; its bytes as they stand, escapes and all, so that a name that matters must be written without any. */
static bool read_string(struct reader *r, const char **begin, size_t *count)
{
    if (!take(r, "\""))
        return false;
    *begin = r->at;
    while (r->at < r->end && *r->at != '"') {
        if ((unsigned char)*r->at < 0x20)
            return false;
        r->at += *r->at == '\\' && r->at + 1 < r->end ? 2 : 1;
    }
    *count = (size_t)(r->at - *begin);
    return take(r, "\"");
}

static bool read_member(struct reader *r, enum place place, int depth)
{
    const char *name;
    size_t count;
    if (!read_string(r, &name, &count) || memchr(name, '\\', count))
        return false;
    skip_space(r);
    if (!take(r, ":"))
        return false;
    skip_space(r);
#define IS(text) (count == strlen(text) && memcmp(name, text, count) == 0)
    if (place == VERDICT && IS("accepted")) {
        if (r->accepted != -1)
            return false;
        r->accepted = take(r, "true") ? 1 : take(r, "false") ? 0 : -1;
        return r->accepted != -1;
    }
    r->error |= place == REPLY && IS("error");
    enum place below = place == REPLY && IS("parameters") ? PARAMETERS
                     : place == PARAMETERS && IS("verdict") ? VERDICT : ELSEWHERE;
#undef IS
    return read_value(r, below, depth + 1);
}

static bool read_list(struct reader *r, enum place place, int depth, bool object)
{
    const char *close = object ? "}" : "]";
    skip_space(r);
    if (take(r, close))
        return true;
    for (;;) {
        skip_space(r);
        if (!(object ? read_member(r, place, depth) : read_value(r, ELSEWHERE, depth + 1)))
            return false;
        skip_space(r);
        if (take(r, close))
            return true;
        if (!take(r, ","))
            return false;
    }
}

static bool read_value(struct reader *r, enum place place, int depth)
{
    const char *begin;
    size_t count;
    if (depth > DEEPEST)
        return false;
    if (take(r, "{"))
        return read_list(r, place, depth, true);
    if (place != ELSEWHERE)
        return false; /* what leads to the verdict are objects */
    if (take(r, "["))
        return read_list(r, ELSEWHERE, depth, false);
    if (r->at < r->end && *r->at == '"')
        return read_string(r, &begin, &count);
    if (take(r, "true") || take(r, "false") || take(r, "null"))
        return true;
    begin = r->at;
    while (r->at < r->end && *r->at && strchr("+-.0123456789eE", *r->at))
        r->at++;
    return r->at > begin;
}

static int verdict(const char *reply, size_t count)
{
    struct reader r = { .at = reply, .end = reply + count, .accepted = -1 };
    /* in the reply to a refused call `parameters` are those of the error */
    skip_space(&r);
    bool whole = read_value(&r, REPLY, 0);
    skip_space(&r);
    if (!whole || r.at != r.end || r.error || r.accepted == -1)
        return not_decided("the daemon says: %.*s", (int)(count < 300 ? count : 300), reply);
    return r.accepted == 1 ? ACCEPTED : REFUSED;
}

static int not_decided(const char *form, ...)
{
    va_list values;
    va_start(values, form);
    fputs("verify: ", stderr);
    vfprintf(stderr, form, values);
    fputc('\n', stderr);
    va_end(values);
    return NOT_DECIDED;
}
