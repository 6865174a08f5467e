// Enhances pages that work without it: adds local times, and shows the headers of files.
"use strict";

for (const time of document.querySelectorAll("time[datetime]")) {
  const at = new Date(time.dateTime);
  if (Number.isNaN(at.valueOf())) continue;
  const language = document.documentElement.lang;
  const local = at.toLocaleString(language, { dateStyle: "medium", timeStyle: "medium" });
  const utc = document.createElement("span");
  utc.className = "fine";
  utc.textContent = ` (${time.textContent.trim()})`;
  time.textContent = local;
  time.after(utc);
}

// Submits the form of a page that only needs to be posted.
document.querySelector("form[data-send]")?.requestSubmit();

// Shows the headers of files, as `bulla inspect` does. Reads only the first 64 KiB of each, and uploads nothing.
const reader = document.getElementById("header-reader");
if (reader) {
  const HEADER_MAX = 65536;
  const say = (word) => reader.querySelector(`[data-word="${word}"]`).textContent;
  const KIND = { 1: say("set"), 2: say("file") };

  // A problem with a message of its own.
  class Refusal extends Error {}
  const expect = (fits, word = say("broken")) => {
    if (!fits) throw new Refusal(word);
  };

  // Reads numbers and bytes in sequence, and never beyond the end.
  class Cursor {
    constructor(bytes) {
      this.bytes = bytes;
      this.at = 0;
    }
    take(length) {
      expect(length <= this.bytes.length - this.at);
      this.at += length;
      return this.bytes.subarray(this.at - length, this.at);
    }
    number(width) {
      return this.take(width).reduce((value, byte) => value * 256n + BigInt(byte), 0n);
    }
    small(width) {
      return Number(this.number(width));
    }
    text(width) {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(this.take(this.small(width)));
    }
    ascii(least, most) {
      const bytes = this.take(this.small(2));
      expect(bytes.length >= least && bytes.length <= most && bytes.every((byte) => byte >= 0x21 && byte <= 0x7e));
      return String.fromCharCode(...bytes);
    }
    // The rest is padding.
    end() {
      expect(this.bytes.subarray(this.at).every((byte) => byte === 0));
    }
  }

  const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

  const header = async (bytes, size) => {
    const cursor = new Cursor(bytes);
    cursor.take(8);
    expect(cursor.small(1) === 1 && cursor.small(1) === 1, say("newer"));
    const count = cursor.small(1);
    expect((count === 1 || count === 2) && cursor.small(1) === 0);
    const slotSize = cursor.small(4);
    const boundLength = cursor.small(4);
    const body = 20 + boundLength + count * slotSize;
    const onPages = slotSize % 4096 === 0 && (20 + boundLength) % 4096 === 0;
    expect(slotSize > 0 && body <= HEADER_MAX && body <= size && (count === 1 || onPages));
    const lines = [[say("format"), say("native")]];
    const bound = new Cursor(cursor.take(boundLength));
    const ids = [[say("file-id"), hex(bound.take(16))], [say("set-id"), hex(bound.take(16))]];
    lines.push(...boundLines(bound, plaintext(size - body)), ...ids, [say("body"), String(body)]);
    const slots = [];
    for (let index = 0; index < count; index++) slots.push(await slot(cursor.take(slotSize)));
    slots.forEach((one, index) => {
      const state = one ? `${say("generation")} ${one.generation}${one.note}` : say("damaged");
      lines.push([`${say("slot")} ${index}`, state]);
    });
    const newest = slots.filter(Boolean).sort((one, other) => Number(other.generation - one.generation));
    const wraps = new Map(newest.flatMap((one) => one.wraps).map((wrap) => [wrap.bytes, wrap]));
    for (const wrap of wraps.values()) lines.push([say("wrap"), wrap.words]);
    return lines;
  };

  // The number of content bytes in a body of this length; null if no body has this length.
  const plaintext = (length) => {
    const chunks = length - 56;
    const last = chunks % 16400;
    return chunks < 16 || last < 16 ? null : Math.floor(chunks / 16400) * 16384 + last - 16;
  };

  const boundLines = (bound, content) => {
    const context = new Cursor(bound.take(bound.small(4)));
    const pairs = [];
    let before = null;
    for (let left = context.small(4); left > 0; left--) {
      const name = context.text(4);
      const order = hex(new TextEncoder().encode(name)); // order by bytes
      expect(before === null || order > before);
      before = order;
      pairs.push(`${name}=${context.text(4)}`);
    }
    expect(context.at === context.bytes.length);
    const known = bound.small(1);
    const mode = bound.small(4);
    const size = bound.number(8);
    const seconds = BigInt.asIntN(64, bound.number(8));
    const nanos = bound.small(4);
    bound.end();
    expect(known < 8 && mode <= 0o7777 && nanos < 1e9);
    expect((known & 1 || mode === 0) && (known & 2 || size === 0n) && (known & 4 || (seconds === 0n && nanos === 0)));
    const length = content ?? (known & 2 ? size : null);
    const lines = [];
    if (length !== null) {
      const differs = known & 2 && BigInt(length) !== size ? `, ${say("damaged-size")} ${size}` : "";
      lines.push([say("content"), `${length} ${say("bytes")}${differs}`]);
    }
    if (known & 4) lines.push([say("modified"), timeOf(seconds)]);
    if (known & 1) lines.push([say("mode"), mode.toString(8).padStart(4, "0")]);
    for (const pair of pairs.length ? pairs : [say("none")]) lines.push([say("context"), pair]);
    return lines;
  };

  // A time in UTC; seconds since the Unix epoch if the year does not have four digits.
  const timeOf = (seconds) => {
    const at = new Date(Number(seconds) * 1000);
    const text = Number.isNaN(at.valueOf()) ? "" : at.toISOString();
    return /^(?!0000)\d{4}-/.test(text) ? text.replace("T", " ").replace(".000Z", " UTC") : `@${seconds}`;
  };

  // Parses a slot; null if it is not valid.
  const slot = async (bytes) => {
    try {
      const cursor = new Cursor(bytes);
      const digest = hex(cursor.take(32));
      const subtle = globalThis.crypto?.subtle; // browsers have it on https and on localhost
      if (subtle && hex(new Uint8Array(await subtle.digest("SHA-256", bytes.subarray(32)))) !== digest) return null;
      const generation = cursor.number(8);
      const count = cursor.small(2);
      expect(count >= 1 && count <= 32);
      const wraps = [];
      for (let index = 0; index < count; index++) {
        const from = cursor.at;
        const kind = KIND[cursor.small(1)];
        expect(kind);
        const [key, version, region] = [cursor.ascii(1, 255), cursor.ascii(1, 255), cursor.ascii(0, 255)];
        cursor.ascii(1, 16383); // the wrapped key
        const words = `${key} (${[version, region, kind].filter(Boolean).join(", ")})`;
        wraps.push({ words, bytes: hex(bytes.subarray(from, cursor.at)) });
      }
      cursor.end();
      return { generation, wraps, note: subtle ? "" : `, ${say("unchecked")}` };
    } catch {
      return null;
    }
  };

  // Canonical Base64, with blanks at the end.
  const BASE64 = /^((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?)[ \t\r]*$/;
  const LINE_MAX = 16384; // including its newline

  const fourLines = (bytes) => {
    const lines = new TextDecoder("latin1").decode(bytes).split("\n").slice(0, 2);
    const [blob, nonce] = lines.map((line) => line.length < LINE_MAX && BASE64.exec(line)?.[1]);
    expect(blob && nonce?.length === 24 && nonce.endsWith("=="), say("unknown"));
    return [[say("format"), say("lines")], [say("blob"), blob]];
  };

  const inspect = async (file) => {
    try {
      const bytes = new Uint8Array(await file.slice(0, HEADER_MAX).arrayBuffer());
      const isNative = hex(bytes.subarray(0, 8)) === "8962756c6c610d0a";
      return isNative ? await header(bytes, file.size) : fourLines(bytes);
    } catch (error) {
      if (error instanceof Refusal) return [["", error.message]];
      return [["", error instanceof TypeError ? say("broken") : say("unreadable")]];
    }
  };

  // Untrusted text: invisible characters are shown by their code points.
  const foreign = (text) => {
    const bdi = document.createElement("bdi");
    bdi.textContent = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (letter) => `[U+${letter.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}]`);
    return bdi;
  };

  const show = async (files) => {
    const headers = document.getElementById("headers");
    headers.replaceChildren();
    for (const file of files) {
      const lines = await inspect(file);
      const title = document.createElement("h2");
      title.append(foreign(file.name));
      const list = document.createElement("dl");
      list.className = "facts";
      for (const [name, value] of lines) {
        const [term, words] = [document.createElement("dt"), document.createElement("dd")];
        term.textContent = name;
        words.append(foreign(value));
        list.append(term, words);
      }
      headers.append(title, list);
    }
  };

  reader.hidden = false;
  const input = document.getElementById("files");
  input.addEventListener("change", () => show(input.files));
  reader.addEventListener("dragover", (event) => event.preventDefault());
  reader.addEventListener("drop", (event) => {
    event.preventDefault();
    show(event.dataTransfer.files);
  });
}
