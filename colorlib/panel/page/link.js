// Messages to the kernel, of which the newest count.

const PART = 2 << 20; // bytes of an upload that go in one message: servers refuse more than 10 MB

/** Messages carry numbers; the kernel says which it has drawn. While one of a kind (a drag, a
 * slider) is on its way only the last that follows is kept, so nothing queues up. */
export function makeLink(model) {
  const name = Math.random().toString(36).slice(2, 10);
  let sent = 0;
  let acked = 0;
  const flying = new Map();
  const waiting = new Map();

  function post(action, content = {}, buffers) {
    sent += 1;
    model.send({ do: action, view: name, n: sent, ...content }, undefined, buffers);
    link.onbusy(true);
    return sent;
  }
  function launch(kind) {
    const [action, content, onsent] = waiting.get(kind);
    waiting.delete(kind);
    flying.set(kind, post(action, content));
    onsent(flying.get(kind));
  }
  const link = {
    name,
    onbusy: () => {},
    busy: () => acked < sent,
    send(action, content, buffers) {
      for (const kind of [...waiting.keys()]) launch(kind);
      return post(action, content, buffers);
    },
    /** Sends now, or when the last of this kind is drawn; `onsent` is told the number. */
    newest(kind, action, content, onsent = () => {}) {
      waiting.set(kind, [action, content, onsent]);
      if ((flying.get(kind) ?? 0) <= acked) launch(kind);
    },
    drawn(number) {
      acked = Math.max(acked, number);
      for (const kind of [...waiting.keys()]) if (flying.get(kind) <= acked) launch(kind);
      if (acked >= sent) link.onbusy(false);
    },
    async upload(file, target) {
      const bytes = new Uint8Array(await file.arrayBuffer());
      const parts = Math.max(1, Math.ceil(bytes.length / PART));
      const upload = sent;
      for (let part = 0; part < parts; part++) {
        const content = { upload, parts, name: file.name, as: target };
        link.send("upload", content, [bytes.slice(part * PART, (part + 1) * PART).buffer]);
      }
    },
  };
  return link;
}
