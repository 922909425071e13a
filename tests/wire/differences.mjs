// Why the worker says something else than Microsoft's JavaScript SDK: {frame, field, why}. The first row that fits counts.
const row = (frame, field, why) => ({ frame, field, why });

const OPEN = /^open$/;
const ATTACH = /^attach/;
const PAIR = /^attach of the (sender to|receiver from) \$/;
const REQUEST = /^(put-token|renew-lock): message$/;

export const DIFFERENCES = [
  row(/^sasl-init$/, /^initial-response$/, 'a trace text, by the specification of ANONYMOUS without meaning: the SDK sends the key\'s name, Proton "anonymous"'),
  row(/^sasl-init$/, /^hostname$/, 'optional; the host is in `open` (and in the TLS server name)'),
  row(OPEN, /^container-id$/, 'free text: the SDK takes a random one, the worker its node\'s name and a random one for each connection'),
  row(OPEN, /^idle-time-out$/, 'Proton announces half of the time after which it gives up (60 s), so that a peer that is late by its own half is not cut off'),
  row(OPEN, /^properties\./, 'names the program; information for the service\'s operators'),
  row(OPEN, /^max-frame-size$/, 'the largest frame that Standard sends; unsaid means 4 GiB, and the peer\'s own limit counts'),
  row(OPEN, /^channel-max$/, 'Proton\'s limit, of which three channels are used'),
  row(/^(begin|flow: the first credit)$/, /^(incoming|outgoing)-window$/,
    'Proton bounds nothing by session windows: link credit bounds what comes, and the SDK\'s 2,048 would bound what is held'),
  row(/^flow: the first credit$/, /^link-credit$/, 'a worker that has just started takes two deliveries, and more as they succeed; the SDK was asked for four messages'),
  row(/^flow: the first credit$/, /^drain$/, 'the default, said'),
  row(ATTACH, /^(source|target)\.(durable|timeout|dynamic)$/, 'the default, said by Proton'),
  row(ATTACH, /^(initial-delivery-count|max-message-size)$/, 'Proton says 0: of no meaning in a receiver, no limit on messages'),
  row(PAIR, /^(snd|rcv)-settle-mode$/, 'the default (mixed, first), said by Proton'),
  row(PAIR, /^(source|target)$/, 'the SDK leaves the client\'s end without an address, the worker names it'),
  row(PAIR, /^(source|target)\.address$/, 'the client\'s own end: free text. Of the receiver it is the address for replies, which the SDK does not give for $cbs'),
  row(/^attach of the receiver$/, /^(target\.address|properties\.\{symbol com\.microsoft:receiver-name\})$/, 'the client\'s own name for the link: free text, shown in the service\'s diagnostics'),
  row(/^attach of the receiver$/, /com\.microsoft:timeout/, 'how long the service may take for the attach, as the .NET SDK says it; the JavaScript SDK counts on its own side only'),
  row(/: transfer$/, /^(settled|more)$/, 'the default (false), unsaid'),
  row(REQUEST, /^header$/, 'an empty header section is as good as none'),
  row(REQUEST, /^properties\.to$/, 'optional: the link goes to that node; the Python and Go SDKs leave it out as well'),
  row(REQUEST, /^properties\.reply-to$/, 'the name of the link for replies: free text, the same as that link\'s target address'),
  row(REQUEST, /\{string expiration\}$/, 'when the token ends, as the Python, Go and .NET SDKs say it; the JavaScript SDK leaves the service to read the token'),
  row(REQUEST, /\{string com\.microsoft:tracking-id\}$/, 'optional: a name for the request in the service\'s logs'),
  row(REQUEST, /\{string associated-link-name\}$/, 'the name of our receiver link'),
  row(/^disposition: dead-letter$/, /\{(string|symbol) DeadLetter(Reason|ErrorDescription)\}$/,
    'keys of an error\'s info are symbols by the specification, and so in the .NET SDK; the JavaScript SDK writes strings, the service takes both. The texts are the test\'s'),
];
