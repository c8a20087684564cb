//! What stands between a machine and AWS in many places: a proxy that is the only way out, and TLS
//! that is signed by a root of the place's own.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// A longer head of a request is none.
const MAX_HEAD: usize = 64 * 1024;

/// How a proxy treats who comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Manners {
    /// The proxy lets everybody through.
    Open,
    /// Lets those through who bring this: the value of `Proxy-Authorization`.
    Asks(String),
    /// The proxy lets nobody through.
    Refuses,
}

/// A forwarding proxy (`CONNECT`, and whole URLs without TLS) for which every name is one server:
/// behind TLS of a private root, and without TLS. It ends when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    saw: Saw,
    folder: tempfile::TempDir,
    servers: [JoinHandle<()>; 2],
}

/// By host and port, how many connections were made to it.
type Saw = Arc<Mutex<BTreeMap<String, usize>>>;

impl Proxy {
    /// Starts one in front of `endpoint` (`http://127.0.0.1:PORT`).
    pub async fn start(endpoint: &str, manners: Manners) -> Self {
        let server: SocketAddr = endpoint.trim_start_matches("http://").parse().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new();
        std::fs::write(bundle_in(folder.path()), &authority.pem).unwrap();
        let tls = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let tls_address = tls.local_addr().unwrap();
        let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, saw) = (proxy.local_addr().unwrap(), Saw::default());
        let place = Place { tls: tls_address, plain: server, manners, saw: saw.clone() };
        let servers = [
            tokio::spawn(terminate(tls, TlsAcceptor::from(authority.server_config()), server)),
            tokio::spawn(forward(proxy, place)),
        ];
        Self { address, saw, folder, servers }
    }

    /// The URL for `HTTPS_PROXY`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// For `HTTPS_PROXY`, with this before the host: `user:password`.
    pub fn url_of(&self, user: &str) -> String {
        format!("http://{user}@{}", self.address)
    }

    /// The file with the private root, for `AWS_CA_BUNDLE`.
    pub fn bundle(&self) -> PathBuf {
        bundle_in(self.folder.path())
    }

    /// The hosts and ports that were asked for so far, each once.
    pub fn saw(&self) -> Vec<String> {
        self.saw.lock().unwrap().keys().cloned().collect()
    }

    /// How many connections went through it so far.
    pub fn connections(&self) -> usize {
        self.saw.lock().unwrap().values().sum()
    }

    /// Adds what it saw to a file: a line for each host, with the number of its connections.
    pub(crate) fn record(&self, file: &Path) {
        let lines: String =
            self.saw.lock().unwrap().iter().map(|(host, number)| format!("{host} {number}\n")).collect();
        let opened = std::fs::OpenOptions::new().create(true).append(true).open(file);
        opened.and_then(|mut file| file.write_all(lines.as_bytes())).unwrap();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        for server in &self.servers {
            server.abort();
        }
    }
}

fn bundle_in(folder: &Path) -> PathBuf {
    folder.join("private-root.pem")
}

/// Where a proxy leads to, and how it behaves.
#[derive(Debug, Clone)]
struct Place {
    tls: SocketAddr,
    plain: SocketAddr,
    manners: Manners,
    saw: Saw,
}

async fn forward(listener: TcpListener, place: Place) {
    while let Ok((client, _)) = listener.accept().await {
        let place = place.clone();
        // A connection that breaks is the business of both its ends.
        tokio::spawn(async move { place.serve(client).await.ok() });
    }
}

impl Place {
    async fn serve(&self, mut client: TcpStream) -> std::io::Result<()> {
        let head = head(&mut client).await?;
        let text = String::from_utf8_lossy(&head).into_owned();
        let mut words = text.split_whitespace();
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let tunnel = method == "CONNECT";
        let host =
            if tunnel { target } else { target.trim_start_matches("http://").split('/').next().unwrap_or_default() };
        *self.saw.lock().unwrap().entry(host.to_owned()).or_default() += 1;
        let brought = text.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("proxy-authorization").then(|| value.trim().to_owned())
        });
        let refusal = match &self.manners {
            Manners::Asks(wanted) if brought.as_ref() != Some(wanted) => {
                Some("407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"proxy\"")
            }
            Manners::Refuses => Some("403 Forbidden"),
            Manners::Asks(_) | Manners::Open => None,
        };
        if let Some(refusal) = refusal {
            let page = "<html>Not from here</html>";
            let answer = format!(
                "HTTP/1.1 {refusal}\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{page}",
                page.len()
            );
            return client.write_all(answer.as_bytes()).await;
        }
        let mut server = TcpStream::connect(if tunnel { self.tls } else { self.plain }).await?;
        if tunnel {
            client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
        } else {
            server.write_all(&head).await?;
        }
        copy_bidirectional(&mut client, &mut server).await.map(|_| ())
    }
}

/// The head of a request, with what came along of the body.
async fn head(client: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::new();
    while !head.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
        if client.read_buf(&mut head).await? == 0 || head.len() > MAX_HEAD {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(head)
}

async fn terminate(listener: TcpListener, tls: TlsAcceptor, server: SocketAddr) {
    while let Ok((client, _)) = listener.accept().await {
        let tls = tls.clone();
        tokio::spawn(async move {
            let mut client = tls.accept(client).await?;
            let mut server = TcpStream::connect(server).await?;
            copy_bidirectional(&mut client, &mut server).await
        });
    }
}

/// A private root, which signs a certificate for whatever name is asked for: as a proxy does that
/// looks into TLS.
#[derive(Debug)]
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name.push(DnType::CommonName, "A private root");
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let pem = parameters.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(parameters, key) }
    }

    fn server_config(self) -> Arc<ServerConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        Arc::new(builder.with_no_client_auth().with_cert_resolver(Arc::new(self)))
    }
}

impl ResolvesServerCert for Authority {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let key = KeyPair::generate().ok()?;
        let parameters = CertificateParams::new([hello.server_name()?.to_owned()]).ok()?;
        let certificate: CertificateDer<'static> = parameters.signed_by(&key, &self.issuer).ok()?.der().clone();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let key = rustls::crypto::ring::sign::any_supported_type(&key).ok()?;
        Some(Arc::new(CertifiedKey::new(vec![certificate], key)))
    }
}
