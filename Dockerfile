# Written by `make container` (snakemake --containerize).
FROM condaforge/miniforge3:latest
LABEL io.github.snakemake.containerized="true"
LABEL io.github.snakemake.conda_env_hash="a5395e2bbf044fce27738e921b12271b9fb64637b7b779e8c22b908571978eea"
# Conda environment:
#   source: envs/analysis.yaml
#   prefix: /conda-envs/381e3069d3865d99f68ba1fc018e1607
#   # Written by `make envs` from requirements.txt and what the scripts of this stage import.
#   # Change requirements.in, then `make lock envs`.
#   channels:
#     - conda-forge
#     - nodefaults
#   dependencies:
#     - python=3.11
#     - array-api-compat=1.16.0
#     - bokeh=3.9.2
#     - itables=2.9.1
#     - jinja2=3.1.6
#     - markupsafe=3.0.4
#     - matplotlib-base=3.11.2
#     - networkx=3.6.1
#     - numpy=2.4.6
#     - obonet=1.3.0
#     - pandas=2.3.3
#     - pillow=13.0.0
#     - pooch=1.9.0
#     - pyarrow=26.0.1
#     - pyyaml=6.0.3
#     - requests=2.34.2
#     - scipy=1.17.1
#     - seaborn=0.13.2
#     - statsmodels=0.15.0
#     - tqdm=4.70.1
RUN mkdir -p /conda-envs/381e3069d3865d99f68ba1fc018e1607
COPY envs/analysis.yaml /conda-envs/381e3069d3865d99f68ba1fc018e1607/environment.yaml
# Conda environment:
#   source: envs/atlas.yaml
#   prefix: /conda-envs/a451492245273a7bc1faa5a244b56d51
#   # Written by `make envs` from requirements.txt and what the scripts of this stage import.
#   # Change requirements.in, then `make lock envs`.
#   channels:
#     - conda-forge
#     - nodefaults
#   dependencies:
#     - python=3.11
#     - array-api-compat=1.16.0
#     - networkx=3.6.1
#     - numba=0.68.1
#     - numpy=2.4.6
#     - obonet=1.3.0
#     - pandas=2.3.3
#     - pooch=1.9.0
#     - pyarrow=26.0.1
#     - requests=2.34.2
#     - scikit-learn=1.9.1
#     - scipy=1.17.1
#     - tqdm=4.70.1
#     - zarr=3.1.6
#     - pip
#     - pip:
#         - aiobotocore==3.10.0
#         - aiohappyeyeballs==2.7.1
#         - aiohttp==3.14.5
#         - aioitertools==0.13.0
#         - aiosignal==1.4.0
#         - anndata==0.12.19
#         - attrs==26.1.0
#         - botocore==1.43.117
#         - cellxgene-census==1.18.0
#         - contourpy==1.3.3
#         - cycler==0.12.1
#         - fonttools==4.68.0
#         - formulaic==1.2.2
#         - frozenlist==1.8.0
#         - fsspec==2026.9.0
#         - h5py==3.16.0
#         - interface-meta==2.0.1
#         - jmespath==1.1.0
#         - kiwisolver==1.5.1
#         - legacy-api-wrap==1.5
#         - matplotlib==3.11.2
#         - more-itertools==11.2.1
#         - multidict==7.2.1
#         - natsort==8.4.0
#         - patsy==1.0.3
#         - pillow==13.0.0
#         - propcache==0.5.4
#         - pyarrow-hotfix==0.7
#         - pynndescent==0.7.0
#         - pyparsing==3.3.3
#         - s3fs==2026.9.0
#         - scanpy==1.11.5
#         - scverse-misc==0.0.3
#         - seaborn==0.13.2
#         - session-info2==0.4.1
#         - shapely==2.2.0
#         - somacore==1.0.29
#         - statsmodels==0.15.0
#         - tiledbsoma==2.3.0
#         - umap-learn==0.5.12
#         - wrapt==2.5.2
#         - yarl==1.25.1
RUN mkdir -p /conda-envs/a451492245273a7bc1faa5a244b56d51
COPY envs/atlas.yaml /conda-envs/a451492245273a7bc1faa5a244b56d51/environment.yaml
# Conda environment:
#   source: envs/census.yaml
#   prefix: /conda-envs/a679b520a29c9debf8f8e7dbd66069af
#   # Written by `make envs` from requirements.txt and what the scripts of this stage import.
#   # Change requirements.in, then `make lock envs`.
#   channels:
#     - conda-forge
#     - nodefaults
#   dependencies:
#     - python=3.11
#     - anndata=0.12.19
#     - array-api-compat=1.16.0
#     - h5py=3.16.0
#     - networkx=3.6.1
#     - numba=0.68.1
#     - numpy=2.4.6
#     - obonet=1.3.0
#     - pandas=2.3.3
#     - pooch=1.9.0
#     - psutil=7.2.2
#     - pyarrow=26.0.1
#     - pytorch=2.13.0
#     - requests=2.34.2
#     - scipy=1.17.1
#     - tqdm=4.70.1
#     - pip
#     - pip:
#         - aiobotocore==3.10.0
#         - aiohappyeyeballs==2.7.1
#         - aiohttp==3.14.5
#         - aioitertools==0.13.0
#         - aiosignal==1.4.0
#         - attrs==26.1.0
#         - botocore==1.43.117
#         - cellxgene-census==1.18.0
#         - cellxgene-ontology-guide==1.11.1
#         - cloudpickle==3.1.2
#         - contourpy==1.3.3
#         - cycler==0.12.1
#         - fonttools==4.68.0
#         - formulaic==1.2.2
#         - frozenlist==1.8.0
#         - interface-meta==2.0.1
#         - jmespath==1.1.0
#         - joblib==1.6.0
#         - kiwisolver==1.5.1
#         - matplotlib==3.11.2
#         - more-itertools==11.2.1
#         - multidict==7.2.1
#         - narwhals==2.29.0
#         - patsy==1.0.3
#         - pillow==13.0.0
#         - propcache==0.5.4
#         - pyarrow-hotfix==0.7
#         - pynndescent==0.7.0
#         - pyparsing==3.3.3
#         - s3fs==2026.9.0
#         - scanpy==1.11.5
#         - scikit-learn==1.9.1
#         - seaborn==0.13.2
#         - semantic-version==2.10.0
#         - shapely==2.2.0
#         - somacore==1.0.29
#         - statsmodels==0.15.0
#         - threadpoolctl==3.8.0
#         - tiledbsoma==2.3.0
#         - umap-learn==0.5.12
#         - wrapt==2.5.2
#         - yarl==1.25.1
#         - zstandard==0.25.0
RUN mkdir -p /conda-envs/a679b520a29c9debf8f8e7dbd66069af
COPY envs/census.yaml /conda-envs/a679b520a29c9debf8f8e7dbd66069af/environment.yaml
# Conda environment:
#   source: envs/ontology.yaml
#   prefix: /conda-envs/ea79fcc7a08f832b6eaec2cdf3d557a4
#   # Written by `make envs` from requirements.txt and what the scripts of this stage import.
#   # Change requirements.in, then `make lock envs`.
#   channels:
#     - conda-forge
#     - nodefaults
#   dependencies:
#     - python=3.11
#     - array-api-compat=1.16.0
#     - matplotlib-base=3.11.2
#     - networkx=3.6.1
#     - numpy=2.4.6
#     - obonet=1.3.0
#     - pandas=2.3.3
#     - pyarrow=26.0.1
#     - scipy=1.17.1
#     - statsmodels=0.15.0
#     - pip
#     - pip:
#         - cellxgene-ontology-guide==1.11.1
#         - semantic-version==2.10.0
#         - zstandard==0.25.0
RUN mkdir -p /conda-envs/ea79fcc7a08f832b6eaec2cdf3d557a4
COPY envs/ontology.yaml /conda-envs/ea79fcc7a08f832b6eaec2cdf3d557a4/environment.yaml
# Conda environment:
#   source: envs/train.yaml
#   prefix: /conda-envs/fb681b366bd9375a1bb91867039fcb50
#   # Written by `make envs` from requirements.txt and what the scripts of this stage import.
#   # Change requirements.in, then `make lock envs`.
#   channels:
#     - conda-forge
#     - nodefaults
#   dependencies:
#     - python=3.11
#     - anndata=0.12.19
#     - array-api-compat=1.16.0
#     - h5py=3.16.0
#     - jinja2=3.1.6
#     - networkx=3.6.1
#     - numba=0.68.1
#     - numpy=2.4.6
#     - obonet=1.3.0
#     - pandas=2.3.3
#     - pyarrow=26.0.1
#     - pytorch=2.13.0
#     - pyyaml=6.0.3
#     - safetensors=0.8.0
#     - scipy=1.17.1
#     - tqdm=4.70.1
#     - zarr=3.1.6
#     - pip
#     - pip:
#         - entmax==1.3
RUN mkdir -p /conda-envs/fb681b366bd9375a1bb91867039fcb50
COPY envs/train.yaml /conda-envs/fb681b366bd9375a1bb91867039fcb50/environment.yaml

RUN conda env create --prefix /conda-envs/381e3069d3865d99f68ba1fc018e1607 --file /conda-envs/381e3069d3865d99f68ba1fc018e1607/environment.yaml && \
    conda env create --prefix /conda-envs/a451492245273a7bc1faa5a244b56d51 --file /conda-envs/a451492245273a7bc1faa5a244b56d51/environment.yaml && \
    conda env create --prefix /conda-envs/a679b520a29c9debf8f8e7dbd66069af --file /conda-envs/a679b520a29c9debf8f8e7dbd66069af/environment.yaml && \
    conda env create --prefix /conda-envs/ea79fcc7a08f832b6eaec2cdf3d557a4 --file /conda-envs/ea79fcc7a08f832b6eaec2cdf3d557a4/environment.yaml && \
    conda env create --prefix /conda-envs/fb681b366bd9375a1bb91867039fcb50 --file /conda-envs/fb681b366bd9375a1bb91867039fcb50/environment.yaml && \
    conda clean --all -y
