//! The service: it reads the caller from the extensions of requests.

use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};

use kleidia_tower::rbac::Permit;
use tokio_stream::Stream;
use tonic::{Request, Response, Status};

use crate::v1::reports_server::Reports;
use crate::v1::{GetRequest, ListRequest, PublishRequest, Report};

/// Reports in memory.
#[derive(Clone, Default)]
pub struct ReportStore(Arc<RwLock<Vec<Report>>>);

#[tonic::async_trait]
impl Reports for ReportStore {
    async fn get(&self, request: Request<GetRequest>) -> Result<Response<Report>, Status> {
        let id = request.into_inner().id;
        let report = self.all().into_iter().find(|report| report.id == id);
        report.map(Response::new).ok_or_else(|| Status::not_found("no such report"))
    }

    type ListStream = Pin<Box<dyn Stream<Item = Result<Report, Status>> + Send>>;

    async fn list(&self, _: Request<ListRequest>) -> Result<Response<Self::ListStream>, Status> {
        let reports = self.all().into_iter().map(Ok);
        Ok(Response::new(Box::pin(tokio_stream::iter(reports))))
    }

    async fn publish(&self, request: Request<PublishRequest>) -> Result<Response<Report>, Status> {
        let author = author(&request)?;
        let title = request.into_inner().title;
        let mut reports = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let id = u32::try_from(reports.len() + 1);
        let id = id.map_err(|_| Status::resource_exhausted("too many reports"))?;
        let report = Report { id, title, author };
        reports.push(report.clone());
        Ok(Response::new(report))
    }
}

impl ReportStore {
    fn all(&self) -> Vec<Report> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Returns the name of the caller: a user name, or the subject of a workload.
fn author<T>(request: &Request<T>) -> Result<String, Status> {
    // `RbacLayer` always inserts a permit.
    let permit = request.extensions().get::<Permit>();
    let permit = permit.ok_or_else(|| Status::internal("missing RbacLayer"))?;
    Ok(permit.principal().name().to_owned())
}
