// ZMTP's frames on a socket: one byte of flags, the size in one byte or in eight, the body.
#ifndef LOTBRIDGE_ZMTP_LINK_MQH
#define LOTBRIDGE_ZMTP_LINK_MQH
#property strict
#include <LotBridge/SocketStream.mqh>
#include <LotBridge/Transport.mqh>

#define LB_FLAG_MORE 1
#define LB_FLAG_LONG 2
#define LB_FLAG_COMMAND 4

class LbZmtpLink {
private:
   LbSocketStream m_stream;
   LbBytes        m_in;
   LbBytes        m_out;
   int            m_flags;
   string         m_fault;

   ENUM_LB_WAIT Broken(const string why) {
      m_fault = why;
      Close();
      return LB_WAIT_FAILED;
   }

   // Take a whole frame off what has come. LB_WAIT_LATE: it is not all there yet.
   ENUM_LB_WAIT Cut(uchar &body[]) {
      if(m_in.Size() < 2)
         return LB_WAIT_LATE;
      int flags = (int)m_in.At(0);
      if(flags > 7 || (flags & (LB_FLAG_COMMAND | LB_FLAG_MORE)) == (LB_FLAG_COMMAND | LB_FLAG_MORE))
         return Broken("The peer sent what is no ZeroMQ frame.");
      int head = (flags & LB_FLAG_LONG) != 0 ? 9 : 2;
      if(m_in.Size() < head)
         return LB_WAIT_LATE;
      long size = 0;
      for(int i = 1; i < head; i++) {
         size = 256 * size + (long)m_in.At(i);
         if(size > LB_MAX_BODY)
            return Broken("The peer sent a frame that is too large.");
      }
      if(m_in.Size() < head + (int)size)
         return LB_WAIT_LATE;
      m_flags = flags;
      m_in.Skip(head);
      m_in.Take(body, (int)size);
      return LB_WAIT_DONE;
   }

public:
   LbZmtpLink() : m_flags(0), m_fault("") {}

   string Fault() const { return m_fault; }
   bool   IsOpen() const { return m_stream.IsOpen(); }

   void Close() {
      m_stream.Close();
      m_in.Clear();
      m_out.Clear();
   }

   bool Connect(const string host, const uint port, const ulong deadline) {
      Close();
      bool connected = m_stream.Connect(host, port, deadline);
      m_fault = m_stream.Fault();
      return connected;
   }

   ENUM_LB_WAIT SendRaw(const uchar &bytes[], const ulong deadline) {
      ENUM_LB_WAIT sent = m_stream.Send(bytes, deadline);
      if(sent != LB_WAIT_DONE)
         m_fault = m_stream.Fault();
      return sent;
   }

   // Keep bytes back until the next frame is sent.
   void Hold(const uchar &bytes[]) {
      m_out.Append(bytes, ArraySize(bytes));
   }

   // Head and body go out in one piece: of two small sends in a row TCP may delay the second.
   ENUM_LB_WAIT SendFrame(const int flags, const uchar &body[], const ulong deadline) {
      int size = ArraySize(body);
      bool is_long = size > 255;
      m_out.Put(is_long ? flags | LB_FLAG_LONG : flags);
      for(int shift = is_long ? 56 : 0; shift >= 0; shift -= 8)
         m_out.Put((int)(((long)size >> shift) & 255));
      m_out.Append(body, size);
      uchar bytes[];
      m_out.TakeAll(bytes);
      return SendRaw(bytes, deadline);
   }

   // Wait until so many bytes have come, which stay where they are.
   ENUM_LB_WAIT Gather(const int count, const ulong deadline) {
      while(m_in.Size() < count) {
         ENUM_LB_WAIT read = m_stream.Read(m_in, deadline);
         if(read != LB_WAIT_DONE) {
            m_fault = m_stream.Fault();
            return read;
         }
      }
      return LB_WAIT_DONE;
   }

   int  Gathered() const { return m_in.Size(); }
   uchar Peek(const int index) const { return m_in.At(index); }
   void Drop(const int count) { m_in.Skip(count); }

   // The next frame. One that came in part before the deadline is kept for the next call.
   ENUM_LB_WAIT Next(uchar &body[], const ulong deadline) {
      while(true) {
         ENUM_LB_WAIT cut = Cut(body);
         if(cut != LB_WAIT_LATE)
            return cut;
         ENUM_LB_WAIT read = m_stream.Read(m_in, deadline);
         if(read != LB_WAIT_DONE) {
            m_fault = m_stream.Fault();
            return read;
         }
      }
      return LB_WAIT_FAILED;
   }

   bool IsCommand() const { return (m_flags & LB_FLAG_COMMAND) != 0; }
   bool HasMore() const { return (m_flags & LB_FLAG_MORE) != 0; }
};

#endif
