// Round trips to one address over the pure MQL5 transport and over libzmq's own client, in turn, in one process:
//     speed ADDRESS COUNT BYTES
// prints the medians in microseconds. libzmq is called here as C programs call it, without anything of MQL5 between.
#include <algorithm>
#include <dlfcn.h>
#include <LotBridge/Client.mqh>
#include <LotBridge/ZmtpTransport.mqh>
#include "commands.hpp"

namespace {

template <class F>
F *symbol(const char *name) {
    static void *library = dlopen(std::getenv("SHIM_LIBZMQ"), RTLD_NOW);
    if (!library) shim::fatal(dlerror());
    return (F *)dlsym(library, name);
}

double median(std::vector<int64_t> &values) {
    std::sort(values.begin(), values.end());
    return (double)values[values.size() / 2] / 1000.0;
}

int64_t now_ns() {
    using namespace std::chrono;
    return duration_cast<nanoseconds>(steady_clock::now().time_since_epoch()).count();
}

}  // namespace

int main(int, char **arguments) {
    std::string address = arguments[1];
    int count = std::atoi(arguments[2]);
    // A ping padded with white space, so that a body has about so many bytes.
    std::string head = "{\"v\":1,\"type\":\"ping\",\"id\":\"", pad((size_t)std::atoi(arguments[3]), ' ');

    void *context = symbol<void *()>("zmq_ctx_new")();
    void *socket = symbol<void *(void *, int)>("zmq_socket")(context, 5);
    int linger = 0;
    symbol<int(void *, int, const void *, size_t)>("zmq_setsockopt")(socket, 17, &linger, sizeof linger);
    symbol<int(void *, const char *)>("zmq_connect")(socket, address.c_str());
    auto send = symbol<int(void *, const void *, size_t, int)>("zmq_send");
    auto receive = symbol<int(void *, void *, size_t, int)>("zmq_recv");
    std::vector<char> buffer(1 << 20);

    LbZmtpTransport transport;
    if (!transport.Open(string(address), LbDeadline(5000))) shim::fatal(transport.LastFault().utf8());

    std::vector<int64_t> theirs, ours;
    Array<uchar> reply;
    for (int i = 0; i < count + 200; i++) {
        std::string body = head + "l-" + std::to_string(i) + "\"" + pad + "}";
        int64_t begun = now_ns();
        send(socket, body.data(), body.size(), 0);
        if (receive(socket, buffer.data(), buffer.size(), 0) < 0) shim::fatal("libzmq got no reply");
        int64_t taken = now_ns() - begun;

        Array<uchar> bytes = commands::bytes_of(head + "m-" + std::to_string(i) + "\"" + pad + "}");
        int64_t again = now_ns();
        if (!transport.Send(bytes, LbDeadline(5000)) || !transport.Receive(reply, LbDeadline(5000)))
            shim::fatal(transport.LastFault().utf8());
        int64_t mine = now_ns() - again;
        if (i >= 200) {  // after a warm-up
            theirs.push_back(taken);
            ours.push_back(mine);
        }
    }
    symbol<int(void *)>("zmq_close")(socket);
    symbol<int(void *)>("zmq_ctx_term")(context);
    double libzmq = median(theirs), mql5 = median(ours);
    std::printf("{\"libzmq_us\": %.1f, \"mql5_us\": %.1f, \"ratio\": %.3f}\n", libzmq, mql5, mql5 / libzmq);
}
