// A ZIP file without compression, which GIFs would not gain from.
// https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT

const UTF8_NAMES = 0x0800;
const VERSION = 20;
/** 1 January 1980, the first date that ZIP has. */
const DATE = 0x21;
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value >>> 0;
});

function crc32(bytes) {
  let sum = 0xffffffff;
  for (const byte of bytes) sum = TABLE[(sum ^ byte) & 0xff] ^ (sum >>> 8);
  return (sum ^ 0xffffffff) >>> 0;
}

/** Fields of two or four bytes, [size, value], in little-endian order. */
function fields(...pairs) {
  const view = new DataView(new ArrayBuffer(pairs.reduce((sum, [size]) => sum + size, 0)));
  let offset = 0;
  for (const [size, value] of pairs) {
    if (size === 2) view.setUint16(offset, value, true);
    else view.setUint32(offset, value, true);
    offset += size;
  }
  return view.buffer;
}

/** A Blob with the files, `{name, body}`; less than 4 GB together. */
export async function zip(files) {
  const parts = [];
  const directory = [];
  let offset = 0;
  let directoryBytes = 0;
  for (const { name, body } of files) {
    // No name leads out of the folder into which people unpack.
    const path = new TextEncoder().encode(name.replaceAll("\\", "_").replace(/^\/+/, ""));
    const sum = crc32(new Uint8Array(await body.arrayBuffer()));
    const common = [[2, UTF8_NAMES], [2, 0], [2, 0], [2, DATE], [4, sum], [4, body.size], [4, body.size], [2, path.length], [2, 0]];
    const local = fields([4, 0x04034b50], [2, VERSION], ...common);
    const central = fields([4, 0x02014b50], [2, VERSION], [2, VERSION], ...common, [2, 0], [2, 0], [2, 0], [4, 0], [4, offset]);
    parts.push(local, path, body);
    directory.push(central, path);
    offset += local.byteLength + path.length + body.size;
    directoryBytes += central.byteLength + path.length;
  }
  const count = files.length;
  const end = fields([4, 0x06054b50], [2, 0], [2, 0], [2, count], [2, count], [4, directoryBytes], [4, offset], [2, 0]);
  return new Blob([...parts, ...directory, end], { type: "application/zip" });
}
