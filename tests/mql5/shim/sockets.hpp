// MQL5's sockets on POSIX, with MQL5's manners and faults that a test chooses in `shim::net`.
#pragma once
#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <set>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cerrno>
#include "platform.hpp"

namespace shim {

struct Connection {
    int file = -1;
    bool connected = false;
    uint send_ms = 0;  // 0: nobody has set it, so a send may wait for ever
    long received = 0, sent = 0;
    std::set<long> paused;
};

// Faults hold for every connection; offsets count its bytes from the greeting on. -1 and 0: no such fault.
struct Net {
    long read_most = 0;             // one read gives at most so many bytes
    long send_most = 0;             // one send takes at most so many bytes
    std::set<long> pauses;          // before these bytes of the stream one read times out
    bool says_one_when_empty = true;  // SocketIsReadable's own manner
    bool late_is_5273 = false;      // a read that times out leaves the error of a dropped connection
    bool stays_connected = false;   // SocketIsConnected does not notice a dropped connection
    bool says_zero = false;         // SocketIsReadable never tells
    long reset_at_received = -1, reset_at_sent = -1;
    int resets = 1 << 30;           // so many of these happen
    long silent_from = -1;          // from this byte on nothing arrives
    long stalled_from = -1;         // from this byte on nothing can be sent
    int refuse = 0;                 // so many connects fail
    bool tester = false;            // the strategy tester has no sockets
    bool check_addresses = false;   // true: only `allowed` may be connected to
    std::set<std::string> allowed;
    // Of the newest connection, and of all.
    long received = 0, sent = 0;
    int connects = 0;
};
inline Net net;
inline std::map<int, Connection> connections;
inline int next_handle = 1;

inline int failed(int error) {
    program.last_error = error;
    return -1;
}

inline Connection *connection(int handle) {
    auto found = connections.find(handle);
    if (found == connections.end()) {
        failed(5270);
        return nullptr;
    }
    return &found->second;
}

// The terminal drops the connection; the handle stays until SocketClose.
inline int dropped(Connection &link) {
    if (link.file >= 0) ::close(link.file);
    link.file = -1;
    link.connected = false;
    return failed(5273);
}

inline int reset(Connection &link) {
    net.resets--;
    linger hard{1, 0};
    if (link.file >= 0) setsockopt(link.file, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    return dropped(link);
}

// Waits that a fault makes pass at once, by the shim's clock.
inline int timed_out(uint ms) {
    watch.pass_ms(ms);
    if (net.late_is_5273) program.last_error = 5273;
    return -1;
}

inline bool wait_for(int file, short events, int64_t until_us) {
    while (true) {
        int64_t left_us = until_us - watch.now_us();
        if (left_us <= 0) left_us = 0;
        pollfd item{file, events, 0};
        int ready = ::poll(&item, 1, (int)((left_us + 999) / 1000));
        if (ready > 0) return true;
        if (ready == 0 || errno != EINTR) return false;
    }
}

// How many bytes of those that have come a program may see now.
inline long visible(Connection &link, long come) {
    if (net.silent_from >= 0 && link.received + come > net.silent_from) come = net.silent_from - link.received;
    for (long pause : net.pauses)
        if (pause >= link.received && !link.paused.count(pause)) {
            if (come > pause - link.received) come = pause - link.received;
            break;
        }
    if (net.resets > 0 && net.reset_at_received >= 0 && link.received + come > net.reset_at_received)
        come = net.reset_at_received - link.received;
    return come < 0 ? 0 : come;
}

}  // namespace shim

inline int SocketCreate(uint = 0) {
    if (shim::net.tester) return shim::failed(4014);
    if (shim::connections.size() >= 128) return shim::failed(5271);
    shim::connections[shim::next_handle];
    return shim::next_handle++;
}

inline bool SocketClose(int socket) {
    shim::Connection *link = shim::connection(socket);
    if (!link) return false;
    if (link->file >= 0) ::close(link->file);
    shim::connections.erase(socket);
    return true;
}

inline bool SocketConnect(int socket, const string &host, uint port, uint timeout_ms) {
    using namespace shim;
    Connection *link = connection(socket);
    if (!link) return false;
    net.connects++;
    if (timeout_ms == 0) fatal("SocketConnect without a timeout");
    if (port == 443) fatal("port 443 starts TLS by itself");
    if (net.check_addresses && !net.allowed.count(host.utf8())) return failed(4014) > 0;
    if (net.refuse > 0) {
        net.refuse--;
        return failed(5272) > 0;
    }
    int64_t until_us = watch.now_us() + timeout_ms * 1000L;
    addrinfo hints{}, *found = nullptr;
    hints.ai_socktype = SOCK_STREAM;
    if (getaddrinfo(host.utf8().c_str(), std::to_string(port).c_str(), &hints, &found) != 0) return failed(5272) > 0;
    int file = ::socket(found->ai_family, SOCK_STREAM, 0);
    fcntl(file, F_SETFL, O_NONBLOCK);
    int result = ::connect(file, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    int error = result == 0 ? 0 : errno;
    if (error == EINPROGRESS) {
        socklen_t size = sizeof error;
        error = ETIMEDOUT;
        if (wait_for(file, POLLOUT, until_us)) getsockopt(file, SOL_SOCKET, SO_ERROR, &error, &size);
    }
    if (error != 0) {
        ::close(file);
        return failed(5272) > 0;
    }
    if (link->file >= 0) ::close(link->file);
    *link = Connection();
    link->file = file;
    link->connected = true;
    net.received = net.sent = 0;
    return true;
}

inline bool SocketTimeouts(int socket, uint send_ms, uint receive_ms) {
    shim::Connection *link = shim::connection(socket);
    if (!link) return false;
    if (send_ms == 0 || receive_ms == 0) shim::fatal("SocketTimeouts of 0 wait for ever");
    link->send_ms = send_ms;
    return true;
}

inline bool SocketIsConnected(const int socket) {
    shim::Connection *link = shim::connection(socket);
    return link && (link->connected || shim::net.stays_connected);
}

inline bool SocketIsWritable(const int socket) {
    shim::Connection *link = shim::connection(socket);
    return link && link->connected && shim::wait_for(link->file, POLLOUT, 0);
}

inline uint SocketIsReadable(const int socket) {
    using namespace shim;
    Connection *link = connection(socket);
    if (!link || !link->connected || net.says_zero) return 0;
    int come = 0;
    ioctl(link->file, FIONREAD, &come);
    long seen = visible(*link, come);
    return seen > 0 ? (uint)seen : net.says_one_when_empty ? 1 : 0;
}

inline int SocketRead(int socket, Array<uchar> &buffer, uint most, uint timeout_ms) {
    using namespace shim;
    Connection *link = connection(socket);
    if (!link) return -1;
    if (most == 0) fatal("SocketRead of nothing");
    if (timeout_ms == 0) fatal("SocketRead with timeout 0 waits two minutes");
    if (!link->connected) return failed(5273);
    if (net.resets > 0 && net.reset_at_received >= 0 && link->received >= net.reset_at_received) return reset(*link);
    if (net.silent_from >= 0 && link->received >= net.silent_from) return timed_out(timeout_ms);
    if (net.pauses.count(link->received) && link->paused.insert(link->received).second) return timed_out(timeout_ms);
    long want = visible(*link, most);
    if (net.read_most > 0 && want > net.read_most) want = net.read_most;
    int64_t until_us = watch.now_us() + timeout_ms * 1000L;
    if (buffer.size() < want) buffer.resize((int)want, 0);
    long have = 0;
    bool gone = false;
    while (have < want && wait_for(link->file, POLLIN, until_us)) {
        long n = ::recv(link->file, buffer.data() + have, (size_t)(want - have), 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) continue;
        if (n <= 0) {
            gone = true;
            break;
        }
        have += n;
    }
    if (have == 0) return gone ? dropped(*link) : timed_out(0);
    if (have < want && !gone) fatal("SocketRead waited for more than was there; what MQL5 does then is not documented");
    link->received += have;
    net.received = link->received;
    return (int)have;
}

inline int SocketSend(int socket, const Array<uchar> &buffer, uint length) {
    using namespace shim;
    Connection *link = connection(socket);
    if (!link) return -1;
    if (length == 0 || (long)length > buffer.size()) fatal("SocketSend of nothing, or of more than there is");
    if (!link->connected) return failed(5273);
    if (link->send_ms == 0) fatal("SocketSend before SocketTimeouts may wait for ever");
    long want = length;
    if (net.resets > 0 && net.reset_at_sent >= 0 && link->sent >= net.reset_at_sent) return reset(*link);
    if (net.stalled_from >= 0 && link->sent >= net.stalled_from) return timed_out(link->send_ms);
    if (net.send_most > 0 && want > net.send_most) want = net.send_most;
    if (net.resets > 0 && net.reset_at_sent >= 0 && link->sent + want > net.reset_at_sent) want = net.reset_at_sent - link->sent;
    if (net.stalled_from >= 0 && link->sent + want > net.stalled_from) want = net.stalled_from - link->sent;
    int64_t until_us = watch.now_us() + link->send_ms * 1000L;
    long done = 0;
    while (done < want) {
        long n = ::send(link->file, buffer.data() + done, (size_t)(want - done), MSG_NOSIGNAL);
        if (n > 0) {
            done += n;
        } else if (errno == EAGAIN || errno == EINTR) {
            if (!wait_for(link->file, POLLOUT, until_us)) break;
        } else {
            return dropped(*link);
        }
    }
    link->sent += done;
    net.sent = link->sent;
    return done == 0 ? -1 : (int)done;
}
