//! The service: it reads the caller from the extensions of requests.

use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};

use kleidia_tower::rbac::Permit;
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Request, Response, Status, Streaming};

use crate::v1::reports_server::Reports;
use crate::v1::{GetRequest, ImportSummary, ListRequest, PublishRequest, Report, WatchRequest};

/// Reports in memory.
#[derive(Clone)]
pub struct ReportStore {
    reports: Arc<RwLock<Vec<Report>>>,
    published: broadcast::Sender<Report>,
}

/// Reports until the first error, which ends the stream.
type ReportStream = Pin<Box<dyn Stream<Item = Result<Report, Status>> + Send>>;

/// How many reports a watcher may be behind.
const MAX_UNREAD_REPORTS: usize = 64;

#[tonic::async_trait]
impl Reports for ReportStore {
    async fn get(&self, request: Request<GetRequest>) -> Result<Response<Report>, Status> {
        let id = request.into_inner().id;
        let report = self.all().into_iter().find(|report| report.id == id);
        report.map(Response::new).ok_or_else(|| Status::not_found("no such report"))
    }

    type ListStream = ReportStream;

    async fn list(&self, _: Request<ListRequest>) -> Result<Response<Self::ListStream>, Status> {
        let reports = self.all().into_iter().map(Ok);
        Ok(Response::new(Box::pin(tokio_stream::iter(reports))))
    }

    async fn publish(&self, request: Request<PublishRequest>) -> Result<Response<Report>, Status> {
        let author = author(&request)?;
        self.add(request.into_inner().title, author).map(Response::new)
    }

    type WatchStream = ReportStream;

    async fn watch(&self, _: Request<WatchRequest>) -> Result<Response<ReportStream>, Status> {
        let reports = BroadcastStream::new(self.published.subscribe());
        let reports = reports.map(|report| {
            report.map_err(|_| Status::resource_exhausted("reports are read too slowly"))
        });
        Ok(Response::new(Box::pin(reports)))
    }

    type PublishEachStream = ReportStream;

    async fn publish_each(
        &self,
        request: Request<Streaming<PublishRequest>>,
    ) -> Result<Response<ReportStream>, Status> {
        let (store, author) = (self.clone(), author(&request)?);
        let reports =
            request.into_inner().map(move |report| store.add(report?.title, author.clone()));
        Ok(Response::new(Box::pin(reports)))
    }

    /// Responds after the last report, so the layer has to end the call if the caller's session ends before.
    async fn import(
        &self,
        request: Request<Streaming<PublishRequest>>,
    ) -> Result<Response<ImportSummary>, Status> {
        let (author, mut requests) = (author(&request)?, request.into_inner());
        let mut reports = 0;
        while let Some(request) = requests.message().await? {
            self.add(request.title, author.clone())?;
            reports += 1;
        }
        Ok(Response::new(ImportSummary { reports }))
    }
}

impl ReportStore {
    fn all(&self) -> Vec<Report> {
        self.reports.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn add(&self, title: String, author: String) -> Result<Report, Status> {
        let mut reports = self.reports.write().unwrap_or_else(PoisonError::into_inner);
        let id = u32::try_from(reports.len() + 1);
        let id = id.map_err(|_| Status::resource_exhausted("too many reports"))?;
        let report = Report { id, title, author };
        reports.push(report.clone());
        // An error if nobody watches.
        let _is_watched = self.published.send(report.clone()).is_ok();
        Ok(report)
    }
}

impl Default for ReportStore {
    fn default() -> Self {
        let (published, _) = broadcast::channel(MAX_UNREAD_REPORTS);
        Self { reports: Arc::default(), published }
    }
}

/// Returns the name of the caller: a user name, or the subject of a workload.
fn author<T>(request: &Request<T>) -> Result<String, Status> {
    // `RbacLayer` always inserts a permit.
    let permit = request.extensions().get::<Permit>();
    let permit = permit.ok_or_else(|| Status::internal("missing RbacLayer"))?;
    Ok(permit.principal().name().to_owned())
}
