// The search of the site is a worker, which browsers refuse to pages opened from a disk. There a
// hidden frame does the same: it loads the worker's script and passes its messages on.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      this.frame.srcdoc =
        '<script>self.postMessage = (data) => parent.postMessage(data, "*")</script>' +
        `<script src="${url}"></script>`;
      this.loaded = new Promise((resolve) => (this.frame.onload = resolve));
      window.addEventListener("message", (event) => {
        if (event.source === this.frame.contentWindow) {
          this.dispatchEvent(new MessageEvent("message", { data: event.data }));
        }
      });
      document.body.append(this.frame);
    }

    postMessage(data) {
      const send = window.postMessage; // that of the frame leads back here
      this.loaded.then(() => send.call(this.frame.contentWindow, data, "*"));
    }
  };
}
