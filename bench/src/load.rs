//! Load generator + CPU/RSS accountant for gateway benchmarks (closed loop, keep-alive, one connection per worker).
//!
//!   lg --url http://127.0.0.1:9000/v1/chat/completions --kind openai --model fake-n500-r0 --stream
//!      --c 8 --n 200 | --dur 10   [--warm 20] [--prompt-kb 1] [--tools 0] [-H k:v]... [--pids gw=123+124,up=99]
//!      [--label portkey] [--out results.jsonl] [--expect-chunks 500]
//!
//! Stream mode finds the "@<16 hex ns>@" stamps that fakeup puts in every delta: counts them, and measures
//! now-stamp = transit time of each chunk through the gateway. CPU is read from /proc/PID/task/*/schedstat (ns).
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

fn now_ns() -> u64 {
    let mut ts = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut ts) };
    ts.tv_sec as u64 * 1_000_000_000 + ts.tv_nsec as u64
}

#[derive(Clone, Copy, Default)]
struct Cpu {
    ns: u64,
    ut: u64,
    st: u64,
}
fn cpu(pids: &[u32]) -> Cpu {
    let mut c = Cpu::default();
    for p in pids {
        let mut s = 0u64;
        if let Ok(d) = std::fs::read_dir(format!("/proc/{p}/task")) {
            for t in d.flatten() {
                if let Ok(x) = std::fs::read_to_string(t.path().join("schedstat")) {
                    s += x.split(' ').next().and_then(|v| v.parse::<u64>().ok()).unwrap_or(0);
                }
            }
        }
        if let Ok(x) = std::fs::read_to_string(format!("/proc/{p}/stat")) {
            let f: Vec<&str> = x[x.rfind(')').unwrap() + 2..].split(' ').collect();
            c.ut += f[11].parse::<u64>().unwrap_or(0);
            c.st += f[12].parse::<u64>().unwrap_or(0);
        }
        c.ns += s;
    }
    c
}
fn rss(pids: &[u32]) -> (u64, u64) {
    let (mut r, mut h) = (0, 0);
    for p in pids {
        if let Ok(x) = std::fs::read_to_string(format!("/proc/{p}/status")) {
            for l in x.lines() {
                let v = || l.split_whitespace().nth(1).and_then(|v| v.parse::<u64>().ok()).unwrap_or(0);
                if l.starts_with("VmRSS:") {
                    r += v()
                }
                if l.starts_with("VmHWM:") {
                    h += v()
                }
            }
        }
    }
    (r, h)
}
/// busy ticks of the whole machine (user+nice+system+irq+softirq) and steal
fn sys() -> (u64, u64) {
    let x = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let f: Vec<u64> =
        x.lines().next().unwrap_or("").split_whitespace().skip(1).map(|v| v.parse().unwrap_or(0)).collect();
    (f[0] + f[1] + f[2] + f[5] + f[6], f[7])
}

fn pct(v: &[u64], p: f64) -> f64 {
    if v.is_empty() {
        return 0.0;
    }
    v[((v.len() as f64 - 1.0) * p).round() as usize] as f64 / 1e6
}

fn prompt(kb: usize) -> String {
    let unit = "You are a careful coding assistant. Explain \\\"what\\\" the following function does, step by step.\\n";
    let mut s = String::new();
    while s.len() < kb * 1024 {
        s.push_str(unit);
    }
    s.truncate(kb * 1024 / unit.len() * unit.len());
    s
}
fn tools(n: usize, kind: &str) -> String {
    if n == 0 {
        return String::new();
    }
    let mut v = vec![];
    for i in 0..n {
        let schema = "{\"type\":\"object\",\"properties\":{\"path\":{\"type\":\"string\",\"description\":\"The absolute path of the file to read or edit\"},\"offset\":{\"type\":\"integer\",\"minimum\":0},\"limit\":{\"type\":\"integer\"},\"mode\":{\"type\":\"string\",\"enum\":[\"read\",\"write\",\"append\"]}},\"required\":[\"path\"],\"additionalProperties\":false}";
        let d = "Reads a file from the local filesystem. You can access any file directly by using this tool. Assume this tool is able to read all files on the machine.";
        v.push(match kind {
            "anthropic" => format!("{{\"name\":\"tool_{i}\",\"description\":\"{d}\",\"input_schema\":{schema}}}"),
            _ => format!("{{\"type\":\"function\",\"function\":{{\"name\":\"tool_{i}\",\"description\":\"{d}\",\"parameters\":{schema}}}}}"),
        });
    }
    format!(",\"tools\":[{}]", v.join(","))
}
fn body(kind: &str, model: &str, stream: bool, kb: usize, nt: usize) -> String {
    let p = prompt(kb);
    let t = tools(nt, kind);
    match kind {
        "anthropic" => format!(
            "{{\"model\":\"{model}\",\"max_tokens\":4096,\"stream\":{stream},\"system\":\"{p}\",\"messages\":[{{\"role\":\"user\",\"content\":\"Hello, world\"}}]{t}}}"
        ),
        "gemini" => format!(
            "{{\"systemInstruction\":{{\"parts\":[{{\"text\":\"{p}\"}}]}},\"contents\":[{{\"role\":\"user\",\"parts\":[{{\"text\":\"Hello {model}\"}}]}}]}}"
        ),
        "responses" => {
            format!("{{\"model\":\"{model}\",\"stream\":{stream},\"instructions\":\"{p}\",\"input\":\"Hello, world\"}}")
        }
        "ollama" => format!(
            "{{\"model\":\"{model}\",\"stream\":{stream},\"messages\":[{{\"role\":\"system\",\"content\":\"{p}\"}},{{\"role\":\"user\",\"content\":\"Hello, world\"}}]}}"
        ),
        _ => format!(
            "{{\"model\":\"{model}\",\"max_tokens\":4096,\"stream\":{stream},\"messages\":[{{\"role\":\"system\",\"content\":\"{p}\"}},{{\"role\":\"user\",\"content\":\"Hello, world\"}}]{t}}}"
        ),
    }
}

#[derive(Default)]
struct Res {
    lat: Vec<u64>,
    ttft: Vec<u64>,
    transit: Vec<u64>,
    chunks: u64,
    bytes: u64,
    err: u64,
    short: u64,
    events: u64,
    errmsg: String,
}

struct Cfg {
    host: String,
    port: u16,
    path: String,
    body: Bytes,
    hdrs: Vec<(String, String)>,
    stream: bool,
    expect: u64,
    verbose: bool,
}

/// incremental stamp scanner; keeps up to 17 bytes of carry
struct Scan {
    carry: Vec<u8>,
}
impl Scan {
    fn feed(&mut self, d: &[u8], mut f: impl FnMut(u64)) {
        let joined;
        let buf: &[u8] = if self.carry.is_empty() {
            d
        } else {
            let mut j = std::mem::take(&mut self.carry);
            j.extend_from_slice(d);
            joined = j;
            &joined
        };
        let mut i = 0;
        while let Some(o) = memchr::memchr(b'@', &buf[i..]) {
            let s = i + o;
            if buf.len() - s < 18 {
                self.carry = buf[s..].to_vec();
                return;
            }
            let mut v = 0u64;
            let mut ok = buf[s + 17] == b'@';
            if ok {
                for &c in &buf[s + 1..s + 17] {
                    match (c as char).to_digit(16) {
                        Some(x) => v = v << 4 | x as u64,
                        None => {
                            ok = false;
                            break;
                        }
                    }
                }
            }
            if ok {
                f(v);
                i = s + 18
            } else {
                i = s + 1
            }
        }
    }
}

async fn worker(cfg: Arc<Cfg>, budget: Arc<AtomicU64>, deadline: Option<Instant>, rec: bool) -> Res {
    let mut r = Res::default();
    let mut conn: Option<http1::SendRequest<Full<Bytes>>> = None;
    loop {
        if let Some(d) = deadline {
            if Instant::now() >= d {
                break;
            }
        } else {
            if budget.fetch_update(Relaxed, Relaxed, |x| x.checked_sub(1)).is_err() {
                break;
            }
        }
        if conn.is_none() || conn.as_ref().unwrap().is_closed() {
            match tokio::net::TcpStream::connect((cfg.host.as_str(), cfg.port)).await {
                Ok(s) => {
                    s.set_nodelay(true).ok();
                    let (tx, c) = http1::handshake(TokioIo::new(s)).await.unwrap();
                    tokio::spawn(async move {
                        let _ = c.await;
                    });
                    conn = Some(tx);
                }
                Err(e) => {
                    r.err += 1;
                    r.errmsg = format!("connect {e}");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    continue;
                }
            }
        }
        let tx = conn.as_mut().unwrap();
        if tx.ready().await.is_err() {
            conn = None;
            continue;
        }
        let mut q = Request::builder()
            .method(Method::POST)
            .uri(&cfg.path)
            .header("host", format!("{}:{}", cfg.host, cfg.port))
            .header("content-type", "application/json");
        for (k, v) in &cfg.hdrs {
            q = q.header(k, v)
        }
        let q = q.body(Full::new(cfg.body.clone())).unwrap();
        let t0 = now_ns();
        let resp = match tx.send_request(q).await {
            Ok(x) => x,
            Err(e) => {
                r.err += 1;
                r.errmsg = format!("send {e}");
                conn = None;
                continue;
            }
        };
        let st = resp.status();
        let mut b = resp.into_body();
        let mut n = 0u64;
        let mut first = 0u64;
        let mut sc = Scan { carry: vec![] };
        let mut bad = !st.is_success();
        let mut dump: Vec<u8> = vec![];
        while let Some(fr) = b.frame().await {
            match fr {
                Ok(f) => {
                    if let Some(d) = f.data_ref() {
                        r.bytes += d.len() as u64;
                        if bad || cfg.verbose {
                            dump.extend_from_slice(d)
                        }
                        if cfg.stream {
                            let t = now_ns();
                            sc.feed(d, |ts| {
                                n += 1;
                                if first == 0 {
                                    first = t
                                }
                                if rec {
                                    r.transit.push(t.saturating_sub(ts))
                                }
                            });
                            r.events += memchr::memmem::find_iter(d, b"data:").count() as u64;
                        }
                    }
                }
                Err(e) => {
                    bad = true;
                    r.errmsg = format!("body {e}");
                    conn = None;
                    break;
                }
            }
        }
        let t1 = now_ns();
        if cfg.verbose {
            println!("HTTP {st}\n{}", String::from_utf8_lossy(&dump))
        }
        if bad {
            r.err += 1;
            if !dump.is_empty() {
                r.errmsg = format!("{st} {}", String::from_utf8_lossy(&dump[..dump.len().min(300)]))
            };
            if r.err > 50 {
                break;
            };
            continue;
        }
        if cfg.stream {
            r.chunks += n;
            if n < cfg.expect {
                r.short += 1
            }
            if first > 0 {
                r.ttft.push(first - t0)
            }
        }
        r.lat.push(t1 - t0);
    }
    r
}

async fn phase(cfg: &Arc<Cfg>, c: usize, n: u64, dur: f64, rec: bool) -> (Res, f64) {
    let budget = Arc::new(AtomicU64::new(n));
    let t = Instant::now();
    let deadline = if dur > 0.0 { Some(t + Duration::from_secs_f64(dur)) } else { None };
    let all = Arc::new(Mutex::new(Res::default()));
    let mut hs = vec![];
    for _ in 0..c {
        let (cfg, budget, all) = (cfg.clone(), budget.clone(), all.clone());
        hs.push(tokio::spawn(async move {
            let mut r = worker(cfg, budget, deadline, rec).await;
            let mut a = all.lock().unwrap();
            a.lat.append(&mut r.lat);
            a.ttft.append(&mut r.ttft);
            a.transit.append(&mut r.transit);
            a.chunks += r.chunks;
            a.bytes += r.bytes;
            a.err += r.err;
            a.short += r.short;
            a.events += r.events;
            if !r.errmsg.is_empty() {
                a.errmsg = r.errmsg
            }
        }));
    }
    for h in hs {
        let _ = h.await;
    }
    let el = t.elapsed().as_secs_f64();
    let r = std::mem::take(&mut *all.lock().unwrap());
    (r, el)
}

fn main() {
    let a: Vec<String> = std::env::args().collect();
    let get = |k: &str, d: &str| a.iter().position(|x| x == k).and_then(|i| a.get(i + 1).cloned()).unwrap_or(d.into());
    let has = |k: &str| a.iter().any(|x| x == k);
    let url = get("--url", "http://127.0.0.1:9000/v1/chat/completions");
    let rest = url.strip_prefix("http://").expect("http:// only");
    let (hp, path) = match rest.find('/') {
        Some(i) => (&rest[..i], &rest[i..]),
        None => (rest, "/"),
    };
    let (host, port) = hp.split_once(':').unwrap_or((hp, "80"));
    let kind = get("--kind", "openai");
    let stream = has("--stream");
    let model = get("--model", "fake");
    let kb: usize = get("--prompt-kb", "1").parse().unwrap();
    let bd = match get("--body", "").as_str() {
        "" => body(&kind, &model, stream, kb, get("--tools", "0").parse().unwrap()),
        f => std::fs::read_to_string(f).expect("body file"),
    };
    if has("--print-body") {
        println!("{bd}");
        return;
    }
    let mut hdrs = vec![];
    for (i, x) in a.iter().enumerate() {
        if x == "-H" {
            let (k, v) = a[i + 1].split_once(':').unwrap();
            hdrs.push((k.trim().to_string(), v.trim().to_string()))
        }
    }
    let groups: Vec<(String, Vec<u32>)> = get("--pids", "")
        .split(',')
        .filter(|x| !x.is_empty())
        .map(|g| {
            let (n, p) = g.split_once('=').unwrap();
            (n.to_string(), p.split('+').filter_map(|v| v.parse().ok()).collect())
        })
        .collect();
    let c: usize = get("--c", "1").parse().unwrap();
    let n: u64 = get("--n", "100").parse().unwrap();
    let dur: f64 = get("--dur", "0").parse().unwrap();
    let warm: u64 = get("--warm", "0").parse().unwrap();
    let cfg = Arc::new(Cfg {
        host: host.into(),
        port: port.parse().unwrap(),
        path: path.into(),
        body: Bytes::from(bd),
        hdrs,
        stream,
        expect: get("--expect-chunks", "1").parse().unwrap(),
        verbose: has("-v"),
    });
    let rt = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    rt.block_on(async {
        if warm > 0 { let _ = phase(&cfg, c.min(warm as usize), warm, 0.0, false).await; }
        let me = [std::process::id()];
        let before: Vec<Cpu> = groups.iter().map(|(_, p)| cpu(p)).collect();
        let (me0, sys0) = (cpu(&me), sys());
        let rss0: Vec<(u64, u64)> = groups.iter().map(|(_, p)| rss(p)).collect();
        let (mut r, el) = phase(&cfg, c, n, dur, true).await;
        let after: Vec<Cpu> = groups.iter().map(|(_, p)| cpu(p)).collect();
        let (me1, sys1) = (cpu(&me), sys());
        r.lat.sort_unstable(); r.ttft.sort_unstable(); r.transit.sort_unstable();
        let ok = r.lat.len() as f64;
        let mut o = format!("{{\"label\":\"{}\",\"scenario\":\"{}\",\"c\":{c},\"ok\":{},\"err\":{},\"short\":{},\"wall_s\":{:.3},\"rps\":{:.1},\"p50_ms\":{:.3},\"p90_ms\":{:.3},\"p99_ms\":{:.3},\"max_ms\":{:.3},\"bytes\":{}",
            get("--label", "x"), get("--scenario", ""), ok, r.err, r.short, el, ok / el, pct(&r.lat, 0.5), pct(&r.lat, 0.9), pct(&r.lat, 0.99), pct(&r.lat, 1.0), r.bytes);
        if stream {
            o += &format!(",\"chunks\":{},\"out_events\":{},\"chunks_per_s\":{:.0},\"ttft_p50_ms\":{:.3},\"ttft_p99_ms\":{:.3},\"transit_p50_ms\":{:.3},\"transit_p99_ms\":{:.3}",
                r.chunks, r.events, r.chunks as f64 / el, pct(&r.ttft, 0.5), pct(&r.ttft, 0.99), pct(&r.transit, 0.5), pct(&r.transit, 0.99));
        }
        let mut mine = (me1.ns - me0.ns) as f64 / 1e9;
        o += &format!(",\"lg_cpu_s\":{mine:.3}");
        for (i, (nm, p)) in groups.iter().enumerate() {
            let tick = (after[i].ut + after[i].st) as f64 / 100.0 - (before[i].ut + before[i].st) as f64 / 100.0;
            let mut s = after[i].ns.saturating_sub(before[i].ns) as f64 / 1e9;
            if tick - s > 0.03 { s = tick } // threads that exited are only in stat
            mine += s;
            let (r1, h1) = rss(p);
            o += &format!(",\"{nm}_cpu_s\":{s:.4},\"{nm}_user_s\":{:.2},\"{nm}_sys_s\":{:.2},\"{nm}_rss_mb\":{:.1},\"{nm}_rss0_mb\":{:.1},\"{nm}_hwm_mb\":{:.1},\"{nm}_cpu_ms_per_req\":{:.4}",
                (after[i].ut - before[i].ut) as f64 / 100.0, (after[i].st - before[i].st) as f64 / 100.0, r1 as f64 / 1024.0, rss0[i].0 as f64 / 1024.0, h1 as f64 / 1024.0, s * 1e3 / ok.max(1.0));
            if stream && r.chunks > 0 { o += &format!(",\"{nm}_cpu_ms_per_kchunk\":{:.3}", s * 1e3 / (r.chunks as f64 / 1000.0)) }
        }
        let busy = (sys1.0 - sys0.0) as f64 / 100.0;
        o += &format!(",\"foreign_cpu_s\":{:.2},\"steal_s\":{:.2}", (busy - mine).max(0.0), (sys1.1 - sys0.1) as f64 / 100.0);
        if !r.errmsg.is_empty() { o += &format!(",\"errmsg\":\"{}\"", r.errmsg.replace('\\', "\\\\").replace('"', "'").replace(['\n', '\r'], " ")) }
        o += "}";
        println!("{o}");
        let f = get("--out", "");
        if !f.is_empty() { writeln!(std::fs::OpenOptions::new().create(true).append(true).open(f).unwrap(), "{o}").unwrap() }
    });
}
