// What telemetry is sent to, as strict as the real ones: an OTLP receiver (JSON and protobuf, plain and gzip) and the
// ingestion endpoint of Application Insights. What they would refuse is refused and kept as a complaint.
import http from 'node:http';
import { gunzipSync } from 'node:zlib';

class Receiver {
  constructor() {
    this.requests = 0;
    this.complaints = [];
    this.raw = '';
    /** Where to send the client, with 308; empty: nowhere. */
    this.movedTo = '';
    /** What to answer instead of the usual: a number, null for the usual, or 'hang' for never. */
    this.refuse = () => null;
    this.server = http.createServer((request, response) => {
      const parts = [];
      request.on('data', (part) => parts.push(part));
      request.on('end', () => this.take(request, Buffer.concat(parts), response));
    });
  }

  static async start() {
    const receiver = new this();
    await new Promise((resolve) => receiver.server.listen(0, '127.0.0.1', resolve));
    receiver.url = `http://127.0.0.1:${receiver.server.address().port}`;
    return receiver;
  }

  async stop() {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  take(request, bytes, response) {
    this.requests += 1;
    const refused = this.refuse(this.requests);
    if (refused === 'hang') return;
    if (this.movedTo) {
      response.writeHead(308, { Location: this.movedTo + request.url }).end();
      return;
    }
    if (refused !== null) {
      response.writeHead(refused, { 'Content-Type': 'application/json' }).end('{}');
      return;
    }
    try {
      const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes;
      this.raw += body.toString('latin1');
      this.read(request, body, response);
    } catch (error) {
      this.complaints.push(`${error.message}: ${bytes.toString('latin1').slice(0, 500)}`);
      response.writeHead(400).end('{}');
    }
  }
}

function must(holds, what) {
  if (!holds) throw new Error(what);
}

// --- OTLP ---

/** Fields of a protobuf message: [[number, value]]; value is a BigInt, a number (double) or a Buffer. */
function protobufFields(bytes) {
  const fields = [];
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      must(at < bytes.length, 'a varint is cut');
      const byte = bytes[at++];
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const head = varint();
    const number = Number(head >> 3n);
    switch (Number(head & 7n)) {
      case 0: fields.push([number, varint()]); break;
      case 1: fields.push([number, bytes.readBigUInt64LE(at)]); at += 8; break;
      case 2: {
        const size = Number(varint());
        must(at + size <= bytes.length, 'a field is cut');
        fields.push([number, bytes.subarray(at, at + size)]);
        at += size;
        break;
      }
      case 5: fields.push([number, BigInt(bytes.readUInt32LE(at))]); at += 4; break;
      default: throw new Error('an unknown wire type');
    }
  }
  return fields;
}

const all = (fields, number) => fields.filter(([n]) => n === number).map(([, value]) => value);
const first = (fields, number) => all(fields, number)[0];

function anyValue(bytes) {
  const [[number, value]] = protobufFields(bytes);
  if (number === 1) return value.toString('utf8');
  if (number === 3) return Number(BigInt.asIntN(64, value));
  if (number === 4) return new DataView(new BigUint64Array([value]).buffer).getFloat64(0, true);
  must(number === 5, `an attribute of kind ${number}`);
  return all(protobufFields(value), 1).map(anyValue);
}

function protobufAttributes(list) {
  return Object.fromEntries(list.map((bytes) => {
    const fields = protobufFields(bytes);
    return [first(fields, 1).toString('utf8'), anyValue(first(fields, 2))];
  }));
}

function protobufSpans(body) {
  return all(protobufFields(body), 1).flatMap((resourceSpans) => {
    const fields = protobufFields(resourceSpans);
    const resource = protobufAttributes(all(protobufFields(first(fields, 1)), 1));
    return all(fields, 2).flatMap((scope) => all(protobufFields(scope), 2)).map((bytes) => {
      const span = protobufFields(bytes);
      return {
        traceId: first(span, 1).toString('hex'), spanId: first(span, 2).toString('hex'),
        parentSpanId: first(span, 4)?.toString('hex') ?? '', name: first(span, 5).toString('utf8'),
        kind: Number(first(span, 6)), start: first(span, 7), end: first(span, 8),
        attributes: protobufAttributes(all(span, 9)), resource,
        links: all(span, 13).map(protobufFields)
          .map((link) => ({ traceId: first(link, 1).toString('hex'), spanId: first(link, 2).toString('hex') })),
      };
    });
  });
}

function jsonValue(value) {
  if ('stringValue' in value) return value.stringValue;
  if ('intValue' in value) {
    must(typeof value.intValue === 'string', 'a 64-bit integer is not a string');
    return Number(value.intValue);
  }
  if ('doubleValue' in value) return value.doubleValue;
  return value.arrayValue.values.map(jsonValue);
}

const jsonAttributes = (list) => Object.fromEntries(list.map(({ key, value }) => [key, jsonValue(value)]));

function jsonSpans(body) {
  return JSON.parse(body.toString('utf8')).resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) => spans).map((span) => ({
      traceId: span.traceId, spanId: span.spanId, parentSpanId: span.parentSpanId ?? '', name: span.name,
      kind: span.kind, start: BigInt(span.startTimeUnixNano), end: BigInt(span.endTimeUnixNano),
      attributes: jsonAttributes(span.attributes), resource: jsonAttributes(resource.attributes),
      links: (span.links ?? []).map(({ traceId, spanId }) => ({ traceId, spanId })),
    })));
}

export class OtlpReceiver extends Receiver {
  constructor() {
    super();
    this.spans = [];
    this.headers = [];
  }

  read(request, body, response) {
    must(request.method === 'POST' && request.url === '/v1/traces', `${request.method} ${request.url}`);
    const type = request.headers['content-type'];
    const json = type === 'application/json';
    must(json || type === 'application/x-protobuf', `content type ${type}`);
    const spans = json ? jsonSpans(body) : protobufSpans(body);
    for (const span of spans) {
      must(/^[0-9a-f]{32}$/.test(span.traceId) && /^[0-9a-f]{16}$/.test(span.spanId), 'ids');
      must(span.parentSpanId === '' || /^[0-9a-f]{16}$/.test(span.parentSpanId), 'the parent id');
      must(span.name !== '' && span.start > 0n && span.end >= span.start, 'name and times');
      must([1, 2, 3, 4, 5].includes(span.kind), `kind ${span.kind}`);
    }
    this.spans.push(...spans);
    this.headers.push(request.headers);
    response.writeHead(200, { 'Content-Type': type }).end(json ? '{}' : '');
  }

  /** Traces as {traceId: [spans]}. */
  traces() {
    const traces = {};
    for (const span of this.spans) (traces[span.traceId] ??= []).push(span);
    return traces;
  }
}

// --- Application Insights ---

const DATA = {
  RequestData: { name: 'Request', needs: ['id', 'duration', 'responseCode', 'success'] },
  RemoteDependencyData: { name: 'RemoteDependency', needs: ['id', 'name', 'duration', 'success', 'type'] },
  MessageData: { name: 'Message', needs: ['message'] },
  MetricData: { name: 'Metric', needs: ['metrics'] },
  ExceptionData: { name: 'Exception', needs: ['exceptions'] },
};
const MOST = { id: 512, name: 1024, url: 2048, data: 8192, message: 32768, resultCode: 1024, responseCode: 1024, target: 1024 };
const SEVERITIES = ['Verbose', 'Information', 'Warning', 'Error', 'Critical'];
const TAGS = /^ai\.(cloud\.role(Instance)?|operation\.(id|parentId|name)|internal\.sdkVersion)$/;

export class IngestionServer extends Receiver {
  constructor() {
    super();
    this.items = [];
    this.key = '0b1c2d3e-1111-2222-3333-444455556666';
  }

  get connectionString() {
    return `InstrumentationKey=${this.key};IngestionEndpoint=${this.url}/;LiveEndpoint=https://live.invalid/`;
  }

  checkEnvelope(e) {
    must(e.ver === 1 && e.iKey === this.key, 'ver or iKey');
    must(!Number.isNaN(Date.parse(e.time)) && /^\d{4}-\d\d-\d\dT/.test(e.time), `time ${e.time}`);
    must(typeof e.sampleRate === 'number' && e.sampleRate > 0 && e.sampleRate <= 100, 'sampleRate');
    const { baseType, baseData } = e.data;
    const kind = DATA[baseType];
    must(kind, `baseType ${baseType}`);
    must(e.name === `Microsoft.ApplicationInsights.${this.key.replaceAll('-', '')}.${kind.name}`, `name ${e.name}`);
    must(baseData.ver === 2, 'baseData.ver');
    for (const field of kind.needs) must(baseData[field] !== undefined, `${baseType} has no ${field}`);
    for (const [field, most] of Object.entries(MOST)) must((baseData[field]?.length ?? 0) <= most, `${field} is too long`);
    if (baseData.duration !== undefined) must(/^\d+\.\d\d:\d\d:\d\d\.\d{6}$/.test(baseData.duration), baseData.duration);
    if (baseData.severityLevel !== undefined) must(SEVERITIES.includes(baseData.severityLevel), 'severityLevel');
    for (const m of baseData.metrics ?? []) must(m.name && ['Measurement', 'Aggregation'].includes(m.kind) && typeof m.value === 'number', 'metric');
    for (const x of baseData.exceptions ?? []) must(x.typeName && x.message, 'exception');
    for (const [key, value] of Object.entries(baseData.properties ?? {})) {
      must(key.length <= 150 && typeof value === 'string' && value.length <= 8192, `property ${key}`);
    }
    for (const [key, value] of Object.entries(e.tags)) must(TAGS.test(key) && typeof value === 'string', `tag ${key}`);
    const operation = e.tags['ai.operation.id'];
    must(operation === undefined || /^[0-9a-f]{32}$/.test(operation), 'ai.operation.id');
  }

  read(request, body, response) {
    must(request.method === 'POST' && request.url === '/v2.1/track', `${request.method} ${request.url}`);
    must(request.headers['content-type'] === 'application/json', 'content type');
    must(body.length <= 4 << 20, 'the request is too large');
    const envelopes = JSON.parse(body.toString('utf8'));
    must(Array.isArray(envelopes) && envelopes.length > 0, 'no array of envelopes');
    const errors = [];
    envelopes.forEach((envelope, index) => {
      try {
        this.checkEnvelope(envelope);
        this.items.push(envelope);
      } catch (error) {
        this.complaints.push(`${error.message}: ${JSON.stringify(envelope)}`);
        errors.push({ index, statusCode: 400, message: error.message });
      }
    });
    response.writeHead(errors.length > 0 ? 206 : 200, { 'Content-Type': 'application/json' })
      .end(JSON.stringify({ itemsReceived: envelopes.length, itemsAccepted: envelopes.length - errors.length, errors }));
  }

  /** Rows as the portal's tables show them. */
  table(baseType) {
    return this.items.filter((e) => e.data.baseType === baseType).map((e) => ({
      ...e.data.baseData, customDimensions: e.data.baseData.properties, operation_Id: e.tags['ai.operation.id'],
      operation_ParentId: e.tags['ai.operation.parentId'], cloud_RoleName: e.tags['ai.cloud.role'],
      cloud_RoleInstance: e.tags['ai.cloud.roleInstance'],
    }));
  }
}
